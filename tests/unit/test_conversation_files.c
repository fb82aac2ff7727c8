/* SPDX-License-Identifier: BSL-1.0 */
/* Every conversation file of tests/conversations in memory: against the test ECMG in its many
 * settings, in all versions, one byte at a time; every row of the session's state machine is used;
 * and equipment that answers wrongly does not pass. Run by the unit test runner. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/rows.h"
#include "support/conversation_memory.h"
#include "unit/unit.h"

Suite *suite_conversation_files(void);

enum { FILES_MAX = 300, PATH_SIZE = 512, ROWS_MAX = 1024 };

struct files {
    char paths[FILES_MAX][PATH_SIZE];
    size_t count;
};

static struct files ecmg_files, session_files, peer_files;
static struct files mux_files, mux_peer_files, emmg_files, emmg_peer_files, emmg_session_files;

static int is_conversation(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 5 && strcmp(entry->d_name + size - 5, ".conv") == 0;
}

static void find(const char *folder, struct files *files)
{
    const char *root = getenv("SIMC_SRCDIR");
    char path[PATH_SIZE / 2];
    struct dirent **entries;
    snprintf(path, sizeof path, "%s/tests/conversations/%s", root ? root : ".", folder);
    int count = scandir(path, &entries, is_conversation, alphasort);
    ck_assert_msg(count > 0 && count <= FILES_MAX, "%s: %d files", path, count);
    files->count = 0;
    for (int i = 0; i < count; i++) {
        snprintf(files->paths[files->count++], PATH_SIZE, "%s/%s", path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void setup(void)
{
    find("ecmg", &ecmg_files);
    find("session", &session_files);
    find("peers", &peer_files);
    find("mux", &mux_files);
    find("emmg", &emmg_files);
    find("emmg-session", &emmg_session_files);
    find("peers/emmg", &mux_peer_files);
    find("peers/mux", &emmg_peer_files);
}

/* The settings of the test ECMG. Together they meet every need of the files. */
static const struct {
    const char *settings;
    const char *warned; /* files that may have a warning, with the reason beside */
} profiles[] = {
    {"clear_ecm=1", ""},
    {"clear_ecm=1 section_TSpkt_flag=1 cw_size=16", ""},
    {"clear_ecm=1 transfer_mode=1", ""},
    /* Two control words where one is announced are taken: known SCSs always send two. */
    {"clear_ecm=1 lead_CW=0 CW_per_msg=1", "ECMG-051"},
    {"clear_ecm=1 lead_CW=0 CW_per_msg=2 exact_cws=1", ""},
    {"clear_ecm=1 lead_CW=1 CW_per_msg=1 exact_cws=1", ""},
    {"clear_ecm=1 lead_CW=1 CW_per_msg=3 section_TSpkt_flag=1", ""},
    {"clear_ecm=1 lead_CW=2 CW_per_msg=1 exact_cws=1", ""},
    {"clear_ecm=1 lead_CW=2 CW_per_msg=3", ""},
    {"max_streams=3 max_channels=4", ""},
    {"max_streams_all=5 closed_ecm_ids=1 empty_cp=17 idle_ms=10000", ""},
    {"information=1 plain_delays_only=1 max_comp_time=0", ""},
};

/* Peers need the ECM_ids and streams that they have, and no tests from the ECMG. */
static bool suits_peers(const char *settings)
{
    return !strstr(settings, "max_streams") && !strstr(settings, "idle_ms") &&
           !strstr(settings, "exact_cws");
}

/* The settings of the test MUX. Together they meet every need of the files. */
static const char *const mux_profiles[] = {
    "",
    "flag=1",
    "closed_clients=1 closed_data_ids=1",
    "exclusive_clients=1 information=1",
    "max_channels=4 max_streams=3",
    "max_streams_all=5 ecm_data=1",
    "idle_ms=5000 max_kbitps=64 one_section=1",
};

/* Runs files and fails for everything that is neither passed nor skipped. */
static void run_files(const struct files *files, const char *settings, const char *warned,
                      bool one_byte, bool *passed)
{
    for (size_t i = 0; i < files->count; i++) {
        struct conversation_memory memory = {.settings = settings, .one_byte = one_byte};
        conversation_memory_run(files->paths[i], &memory);
        bool may_warn = memory.id[0] && strstr(warned, memory.id);
        ck_assert_msg(memory.verdict == SIMC__CONVERSATION_PASS ||
                          memory.verdict == SIMC__CONVERSATION_SKIP ||
                          (may_warn && memory.verdict == SIMC__CONVERSATION_WARN),
                      "[%s] %s: %s", settings, files->paths[i], memory.last);
        if (passed && memory.verdict != SIMC__CONVERSATION_SKIP)
            passed[i] = true;
    }
}

START_TEST(every_row_of_the_list_has_its_file)
{
    const char *path = ecmg_files.paths[0];
    ck_assert_uint_eq(ecmg_files.count, 85);
    for (unsigned i = 0; i < ecmg_files.count; i++) {
        char name[32];
        path = strrchr(ecmg_files.paths[i], '/');
        snprintf(name, sizeof name, "/ECMG-%03u.conv", i + 1);
        ck_assert_str_eq(path, name);
    }
}
END_TEST

START_TEST(all_files_pass_in_all_settings)
{
    static const unsigned versions[] = {1, 2, 3, 5};
    static bool passed[FILES_MAX], peers_passed[FILES_MAX];
    for (size_t v = 0; v < UNIT_COUNT(versions); v++) {
        for (size_t p = 0; p < UNIT_COUNT(profiles); p++) {
            char settings[256];
            snprintf(settings, sizeof settings, "version=%u %s", versions[v], profiles[p].settings);
            /* Control words of 16 bytes came with version 2. */
            if (versions[v] == 1 && strstr(settings, "cw_size=16"))
                continue;
            run_files(&ecmg_files, settings, profiles[p].warned, (p + v) % 2, passed);
            if (suits_peers(settings))
                run_files(&peer_files, settings, "", (p + v) % 2, peers_passed);
        }
    }
    for (size_t i = 0; i < ecmg_files.count; i++)
        ck_assert_msg(passed[i], "%s is skipped in all settings", ecmg_files.paths[i]);
    for (size_t i = 0; i < peer_files.count; i++)
        ck_assert_msg(peers_passed[i], "%s is skipped in all settings", peer_files.paths[i]);
}
END_TEST

/* What needs UDP, rates or a look at the output of a MUX is no matter of its sessions. */
START_TEST(every_row_of_sessions_with_a_mux_has_its_file)
{
    static const char *const others[] = {"046", "061", "062", "063", "064", "065",
                                         "066", "067", "068", "069", "070", "079"};
    size_t file = 0, other = 0;
    for (unsigned i = 1; i <= 81; i++) {
        char name[32];
        snprintf(name, sizeof name, "/MUX-%03u.conv", i);
        if (other < UNIT_COUNT(others) && strstr(name, others[other])) {
            other++;
            continue;
        }
        ck_assert_uint_lt(file, mux_files.count);
        ck_assert_str_eq(strrchr(mux_files.paths[file++], '/'), name);
    }
    ck_assert_uint_eq(file, mux_files.count);
}
END_TEST

START_TEST(all_files_of_a_mux_pass_in_all_settings)
{
    static const unsigned versions[] = {1, 2, 3, 5};
    static bool passed[FILES_MAX], peers_passed[FILES_MAX];
    for (size_t v = 0; v < UNIT_COUNT(versions); v++) {
        for (size_t p = 0; p < UNIT_COUNT(mux_profiles); p++) {
            char settings[256];
            snprintf(settings, sizeof settings, "version=%u %s", versions[v], mux_profiles[p]);
            run_files(&mux_files, settings, "", (p + v) % 2, passed);
            if (p < 2)
                run_files(&mux_peer_files, settings, "", (p + v) % 2, peers_passed);
        }
        /* A strict MUX answers what others ignore. */
        char settings[64];
        snprintf(settings, sizeof settings, "version=%u strict=1", versions[v]);
        run_files(&mux_files, settings, "", v % 2, passed);
    }
    for (size_t i = 0; i < mux_files.count; i++)
        ck_assert_msg(passed[i], "%s is skipped in all settings", mux_files.paths[i]);
    for (size_t i = 0; i < mux_peer_files.count; i++)
        ck_assert_msg(peers_passed[i], "%s is skipped in all settings", mux_peer_files.paths[i]);
}
END_TEST

START_TEST(all_files_of_an_emmg_pass_in_all_versions)
{
    static const unsigned versions[] = {1, 2, 3, 5};
    static bool passed[FILES_MAX];
    for (size_t v = 0; v < UNIT_COUNT(versions); v++) {
        for (int one_byte = 0; one_byte < 2; one_byte++) {
            char settings[64];
            snprintf(settings, sizeof settings, "version=%u", versions[v]);
            run_files(&emmg_files, settings, "", one_byte, passed);
            run_files(&emmg_peer_files, settings, "", one_byte, NULL);
            run_files(&emmg_session_files, settings, "", one_byte, NULL);
        }
    }
    for (size_t i = 0; i < emmg_files.count; i++)
        ck_assert_msg(passed[i], "%s is skipped in all versions", emmg_files.paths[i]);
}
END_TEST

START_TEST(sessions_keep_their_rules_in_all_versions)
{
    static const unsigned versions[] = {1, 2, 3, 5};
    for (size_t v = 0; v < UNIT_COUNT(versions); v++) {
        for (int one_byte = 0; one_byte < 2; one_byte++) {
            char settings[64];
            snprintf(settings, sizeof settings, "version=%u", versions[v]);
            run_files(&session_files, settings, "", one_byte, NULL);
        }
    }
}
END_TEST

/* Which conversations use a row of the state machine. */
struct row_use {
    const char *first; /* path; NULL: none does */
    unsigned count;
};

/* The report for people: a line for each row. A folder that cannot be written is no fault. */
static void write_coverage(const struct row_use *uses)
{
    FILE *report = fopen("conversation-coverage.txt", "w");
    if (!report)
        return;
    for (unsigned row = 0; row < simc__session_row_count(); row++) {
        const char *slash = uses[row].first ? strrchr(uses[row].first, '/') : NULL;
        fprintf(report, "%s: %u conversations, first %s\n", simc__session_row_name(row),
                uses[row].count, slash ? slash + 1 : "none");
    }
    fclose(report);
}

static void note_uses(struct row_use *uses, const char *path)
{
    static bool used[ROWS_MAX];
    struct conversation_memory memory = {.rows_used = used};
    memset(used, 0, sizeof used);
    conversation_memory_run(path, &memory);
    for (unsigned row = 0; row < simc__session_row_count(); row++) {
        if (used[row] && uses[row].count++ == 0)
            uses[row].first = path;
    }
}

START_TEST(every_row_of_the_state_machine_is_used)
{
    static struct row_use uses[ROWS_MAX];
    const struct files *all[] = {&ecmg_files, &session_files, &mux_files, &emmg_files,
                                 &emmg_session_files};
    char missing[8192] = "";
    ck_assert_uint_lt(simc__session_row_count(), ROWS_MAX);
    for (size_t f = 0; f < UNIT_COUNT(all); f++)
        for (size_t i = 0; i < all[f]->count; i++)
            note_uses(uses, all[f]->paths[i]);
    write_coverage(uses);
    for (unsigned row = 0; row < simc__session_row_count(); row++) {
        if (uses[row].count == 0 && strlen(missing) < sizeof missing - 200) {
            unit_append(missing, sizeof missing, "\n  ");
            unit_append(missing, sizeof missing, simc__session_row_name(row));
        }
    }
    ck_assert_msg(!missing[0], "no conversation uses the rows%s", missing);
}
END_TEST

/* ---- equipment that is wrong ---- */

/* A change of one answer: its number, counted from 0, and what happens to it. */
struct mutation {
    unsigned number; /* UINT32_MAX: all of them */
    enum mutation_kind { DROP, RENAME, OTHER_VERSION, CUT, TWICE, OTHER_CHANNEL } kind;
};

static void mutate(void *context, struct simc_buffer *bytes, unsigned number)
{
    const struct mutation *mutation = context;
    uint8_t *p = bytes->memory + bytes->start;
    if ((mutation->number != UINT32_MAX && mutation->number != number) || bytes->size < 11)
        return;
    switch (mutation->kind) {
    case DROP:
        simc_buffer_drop(bytes, bytes->size);
        return;
    case RENAME:
        p[1] = 0x03; /* a reserved message_type */
        return;
    case OTHER_VERSION:
        p[0] = 0x77;
        return;
    case CUT:
        bytes->size--;
        return;
    case TWICE: {
        struct unit_bytes copy;
        copy.size = bytes->size < sizeof copy.data ? bytes->size : 0;
        memcpy(copy.data, p, copy.size);
        ck_assert_int_eq(simc_buffer_append(bytes, unit_slice(&copy)), 0);
        return;
    }
    case OTHER_CHANNEL:
        p[10] ^= 0x40; /* the channel id stands first in all that we send */
        return;
    }
}

/* Nothing at all from the equipment: no file may pass, and none may hang. */
START_TEST(silent_equipment_passes_nothing)
{
    const struct files *all[] = {&ecmg_files,     &peer_files, &mux_files,
                                 &mux_peer_files, &emmg_files, &emmg_peer_files};
    for (size_t f = 0; f < UNIT_COUNT(all); f++) {
        for (size_t i = 0; i < all[f]->count; i++) {
            struct mutation mutation = {UINT32_MAX, DROP};
            struct conversation_memory memory = {
                .settings = profiles[0].settings, .mutate = mutate, .mutate_context = &mutation};
            conversation_memory_run(all[f]->paths[i], &memory);
            ck_assert_msg(memory.verdict != SIMC__CONVERSATION_PASS &&
                              memory.verdict != SIMC__CONVERSATION_BROKEN,
                          "%s: %s %s", all[f]->paths[i],
                          simc__conversation_verdict_name(memory.verdict), memory.last);
        }
    }
}
END_TEST

static const struct {
    const char *file;
    struct mutation mutation;
    const char *words; /* of the sentence */
} wrong[] = {
    {"ECMG-001", {0, RENAME}, "channel_status was expected"},
    {"ECMG-001", {0, OTHER_VERSION}, "version is 119"},
    {"ECMG-001", {0, CUT}, "nothing came"},
    {"ECMG-001", {0, OTHER_CHANNEL}, "ECM_channel_id is"},
    {"ECMG-001", {0, TWICE}, "nobody asked for"},
    {"ECMG-006", {0, RENAME}, "channel_error was expected"},
    {"ECMG-006", {0, OTHER_CHANNEL}, "ECM_channel_id is"},
    {"ECMG-017", {2, DROP}, "nothing came"},
    {"ECMG-026", {1, OTHER_CHANNEL}, "content"},
    {"ECMG-034", {1, RENAME}, "stream_status was expected"},
    {"ECMG-046", {2, OTHER_CHANNEL}, "content"},
    {"ECMG-048", {2, DROP}, "nothing came within 600 ms"},
    {"ECMG-048", {2, RENAME}, "ECM_response was expected"},
    {"ECMG-048", {2, OTHER_CHANNEL}, "ECM_channel_id is"},
    {"ECMG-055", {3, DROP}, "nothing came"},
    {"ECMG-050", {2, TWICE}, "nothing was expected"},
    {"ECMG-066", {2, DROP}, "nothing came"},
    {"ECMG-074", {3, RENAME}, "stream_error was expected"},
    {"ECMG-078", {2, DROP}, "nothing came"},
};

START_TEST(wrong_answers_are_blamed)
{
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        struct mutation mutation = wrong[i].mutation;
        struct conversation_memory memory = {
            .settings = profiles[0].settings, .mutate = mutate, .mutate_context = &mutation};
        size_t file = 0;
        while (!strstr(ecmg_files.paths[file], wrong[i].file))
            file++;
        conversation_memory_run(ecmg_files.paths[file], &memory);
        ck_assert_msg(memory.verdict == SIMC__CONVERSATION_FAIL, "%s: %s %s", wrong[i].file,
                      simc__conversation_verdict_name(memory.verdict), memory.last);
        ck_assert_msg(strstr(memory.last, wrong[i].words), "%s: %s", wrong[i].file, memory.last);
    }
}
END_TEST

/* Each single answer of each file, dropped and damaged: some file notices, and all come to an end.
 * Those that pass all the same only do so where the file says that no answer is right as well. */
START_TEST(single_damages_are_noticed)
{
    static const enum mutation_kind kinds[] = {DROP, RENAME, OTHER_VERSION, OTHER_CHANNEL};
    unsigned noticed = 0, missed = 0;
    for (size_t f = 0; f < ecmg_files.count; f++) {
        for (unsigned number = 0; number < 4; number++) {
            for (size_t k = 0; k < UNIT_COUNT(kinds); k++) {
                struct mutation mutation = {number, kinds[k]};
                struct conversation_memory memory = {
                    .settings = "clear_ecm=1", .mutate = mutate, .mutate_context = &mutation};

                conversation_memory_run(ecmg_files.paths[f], &memory);
                ck_assert_msg(memory.verdict != SIMC__CONVERSATION_BROKEN, "%s: %s",
                              ecmg_files.paths[f], memory.last);
                if (memory.verdict == SIMC__CONVERSATION_PASS)
                    missed++;
                else
                    noticed++;
            }
        }
    }
    /* Most of what is missed is an answer that the file does not have. */
    ck_assert_msg(noticed > 3 * missed / 2, "%u noticed, %u missed", noticed, missed);
}
END_TEST

Suite *suite_conversation_files(void)
{
    Suite *suite = suite_create("conversation_files");
    TCase *tests = tcase_create("files");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, every_row_of_the_list_has_its_file);
    tcase_add_test(tests, all_files_pass_in_all_settings);
    tcase_add_test(tests, every_row_of_sessions_with_a_mux_has_its_file);
    tcase_add_test(tests, all_files_of_a_mux_pass_in_all_settings);
    tcase_add_test(tests, all_files_of_an_emmg_pass_in_all_versions);
    tcase_add_test(tests, sessions_keep_their_rules_in_all_versions);
    tcase_add_test(tests, every_row_of_the_state_machine_is_used);
    tcase_add_test(tests, silent_equipment_passes_nothing);
    tcase_add_test(tests, wrong_answers_are_blamed);
    tcase_add_test(tests, single_damages_are_noticed);
    suite_add_tcase(suite, tests);
    return suite;
}
