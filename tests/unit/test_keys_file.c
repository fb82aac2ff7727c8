/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/keys: reading and replacing key files on a real file system, also when a
 * process is killed in between, and the lines of new keys. The runner in main.c calls
 * suite_keys_file(). */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/file.h"
#include "unit/unit.h"

Suite *suite_keys_file(void);

enum { DAY = 86400, PATH_SIZE = 128 };

#define T0   UINT64_C(1795219200) /* 2026-11-21T00:00:00Z */
#define TEXT "format: 1\n"

/* ---- a folder for each test ---- */

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/simc-keys-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    umask(0);
}

static void remove_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

static const char *path_of(const char *name)
{
    static char paths[4][PATH_SIZE];
    static unsigned at;
    char *path = paths[at++ % 4];
    snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(path_of(name), "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    ck_assert_int_eq(chmod(path_of(name), mode), 0);
}

static void expect_file(const char *name, const char *wanted, mode_t mode)
{
    char text[4096] = "";
    struct stat about;
    FILE *file = fopen(path_of(name), "r");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    unit_expect_text(simc_slice(text, size), wanted);
    ck_assert_int_eq(stat(path_of(name), &about), 0);
    ck_assert_uint_eq(about.st_mode & 07777, mode);
}

static void expect_none(const char *name)
{
    ck_assert_int_ne(access(path_of(name), F_OK), 0);
}

/* A sentence with the folder's name replaced by D. */
static const char *plain(const char *why)
{
    static char text[SIMC__KEYS_WHY_SIZE];
    size_t at = 0;
    for (; *why && at < sizeof text - 1; at++) {
        bool is_folder = strncmp(why, folder, strlen(folder)) == 0;
        text[at] = is_folder ? 'D' : *why;
        why += is_folder ? strlen(folder) : 1;
    }
    text[at] = '\0';
    return text;
}

/* ---- reading ---- */

struct mode_case {
    mode_t mode;
    const char *why; /* NULL: good */
};

#define OPEN "D/k holds keys but is open to others than its owner (mode "

static const struct mode_case mode_cases[] = {
    {0600, NULL},
    {0400, NULL},
    {0700, NULL},
    {0640, OPEN "0640); say: chmod 600 D/k"},
    {0604, OPEN "0604); say: chmod 600 D/k"},
    {0620, OPEN "0620); say: chmod 600 D/k"},
    {0602, OPEN "0602); say: chmod 600 D/k"},
    {0610, OPEN "0610); say: chmod 600 D/k"},
    {0666, OPEN "0666); say: chmod 600 D/k"},
};

START_TEST(a_file_that_others_may_use_is_refused)
{
    for (size_t i = 0; i < UNIT_COUNT(mode_cases); i++) {
        const struct mode_case *c = &mode_cases[i];
        char why[SIMC__KEYS_WHY_SIZE] = "";
        struct simc_buffer text;
        simc_buffer_init(&text, 100);
        put_file("k", TEXT, c->mode);
        int error = simc__keys_file_read(path_of("k"), &text, why);
        unit_expect_error(error, c->why ? SIMC_EIO : 0);
        ck_assert_str_eq(plain(why), c->why ? c->why : "");
        unit_expect_text(simc_buffer_bytes(&text), c->why ? "" : TEXT);
        simc_buffer_fini(&text);
        unlink(path_of("k"));
    }
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc_buffer text;
    simc_buffer_init(&text, 10);
    ck_assert_int_eq(mkfifo(path_of("pipe"), 0600), 0);
    ck_assert_int_eq(symlink("k", path_of("link")), 0);
    unit_expect_error(simc__keys_file_read(path_of("pipe"), &text, why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "D/pipe is no file, so it cannot be a key file");
    unit_expect_error(simc__keys_file_read(folder, &text, why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "D is no file, so it cannot be a key file");
    unit_expect_error(simc__keys_file_read("/dev/null", &text, why), SIMC_EIO);
    unit_expect_error(simc__keys_file_read(path_of("link"), &text, why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "cannot read D/link: No such file or directory");
    put_file("k", "0123456789", 0600);
    unit_expect_error(simc__keys_file_read(path_of("link"), &text, why), 0);
    unit_expect_text(simc_buffer_bytes(&text), "0123456789");
    simc_buffer_fini(&text);
    put_file("k", "0123456789a", 0600);
    unit_expect_error(simc__keys_file_read(path_of("k"), &text, why), SIMC_EFULL);
    ck_assert_str_eq(plain(why), "D/k is larger than 10 bytes, the most that is read");
    simc_buffer_fini(&text);
}
END_TEST

/* ---- replacing ---- */

static void begin(struct simc__keys_save *save, const char *name)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc_buffer text;
    simc_buffer_init(&text, 1000);
    int error = simc__keys_save_begin(save, path_of(name), &text, why);
    ck_assert_msg(error == 0, "%s", why);
    simc_buffer_fini(&text);
}

static void write_and_commit(struct simc__keys_save *save, const char *text)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    int error = simc__keys_save_write(save, simc_slice_text(text), why);
    if (!error)
        error = simc__keys_save_commit(save, why);
    ck_assert_msg(error == 0, "%s", why);
}

START_TEST(a_file_is_replaced_with_its_mode)
{
    static const mode_t modes[] = {0600, 0400, 0700};
    for (size_t i = 0; i < UNIT_COUNT(modes); i++) {
        char why[SIMC__KEYS_WHY_SIZE] = "";
        struct simc__keys_save save;
        struct simc_buffer text;
        put_file("k", "old", modes[i]);
        simc_buffer_init(&text, 1000);
        unit_expect_error(simc__keys_save_begin(&save, path_of("k"), &text, why), 0);
        unit_expect_text(simc_buffer_bytes(&text), "old");
        simc_buffer_fini(&text);
        unit_expect_error(simc__keys_save_write(&save, simc_slice_text("new"), why), 0);
        expect_file("k", "old", modes[i]);
        expect_file("k.new", "new", modes[i]);
        unit_expect_error(simc__keys_save_commit(&save, why), 0);
        expect_file("k", "new", modes[i]);
        expect_none("k.new");
        simc__keys_save_end(&save);
        expect_file("k", "new", modes[i]);
        unlink(path_of("k"));
    }
}
END_TEST

START_TEST(without_a_commit_nothing_changes)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc__keys_save save;
    put_file("k", "old", 0600);
    begin(&save, "k");
    simc__keys_save_end(&save);
    expect_file("k", "old", 0600);
    expect_none("k.new");
    begin(&save, "k");
    unit_expect_error(simc__keys_save_write(&save, simc_slice_text("new"), why), 0);
    simc__keys_save_end(&save);
    expect_file("k", "old", 0600);
    expect_none("k.new");
}
END_TEST

START_TEST(a_link_stays_a_link)
{
    struct simc__keys_save save;
    struct stat about;
    put_file("k", "old", 0600);
    ck_assert_int_eq(symlink("k", path_of("link")), 0);
    begin(&save, "link");
    write_and_commit(&save, "new");
    simc__keys_save_end(&save);
    ck_assert_int_eq(lstat(path_of("link"), &about), 0);
    ck_assert(S_ISLNK(about.st_mode));
    expect_file("k", "new", 0600);
}
END_TEST

START_TEST(a_new_file_belongs_to_its_owner_alone_and_overwrites_nothing)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc__keys_save save, other;
    struct stat about;
    unit_expect_error(simc__keys_save_create(&save, path_of("k"), why), 0);
    ck_assert_int_eq(stat(path_of("k.new"), &about), 0);
    ck_assert_uint_eq(about.st_mode & 07777, 0600); /* though the umask is 0 */
    unit_expect_error(simc__keys_save_create(&other, path_of("k"), why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "D/k is being changed by another program; try again");
    write_and_commit(&save, "new");
    simc__keys_save_end(&save);
    expect_file("k", "new", 0600);
    unit_expect_error(simc__keys_save_create(&save, path_of("k"), why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "D/k exists already, and keys are never overwritten; name another "
                                 "file, or say 'simulcrypt keys add' or 'rotate'");
    expect_none("k.new");
    /* A file that somebody makes in the last moment stays too. */
    unit_expect_error(simc__keys_save_create(&save, path_of("late"), why), 0);
    unit_expect_error(simc__keys_save_write(&save, simc_slice_text("new"), why), 0);
    put_file("late", "other", 0600);
    unit_expect_error(simc__keys_save_commit(&save, why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "D/late was made by another program meanwhile: File exists");
    simc__keys_save_end(&save);
    expect_file("late", "other", 0600);
    expect_none("late.new");
}
END_TEST

START_TEST(faults_of_the_file_system_are_told)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc__keys_save save;
    struct simc_buffer text;
    simc_buffer_init(&text, 1000);
    unit_expect_error(simc__keys_save_begin(&save, path_of("k"), &text, why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "cannot read D/k: No such file or directory");
    unit_expect_error(simc__keys_save_create(&save, path_of("no/k"), why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "cannot write D/no/k.new: No such file or directory");
    put_file("k", "old", 0644);
    unit_expect_error(simc__keys_save_begin(&save, path_of("k"), &text, why), SIMC_EIO);
    ck_assert_str_eq(plain(why), OPEN "0644); say: chmod 600 D/k");
    expect_none("k.new");
    /* What stands in the way of the new file. */
    put_file("k", "old", 0600);
    put_file("k.new", "", 0644);
    unit_expect_error(simc__keys_save_begin(&save, path_of("k"), &text, why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "D/k.new is in the way and not from this user; remove it");
    unlink(path_of("k.new"));
    ck_assert_int_eq(symlink("elsewhere", path_of("k.new")), 0);
    unit_expect_error(simc__keys_save_begin(&save, path_of("k"), &text, why), SIMC_EIO);
    ck_assert_str_eq(plain(why), "cannot write D/k.new: Too many levels of symbolic links");
    expect_none("elsewhere");
    unlink(path_of("k.new"));
    /* What a killed program has left behind is taken over. */
    put_file("k.new", "something longer than the new text", 0600);
    begin(&save, "k");
    write_and_commit(&save, "new");
    simc__keys_save_end(&save);
    expect_file("k", "new", 0600);
    simc_buffer_fini(&text);
}
END_TEST

/* ---- interruptions ---- */

enum { AT_BEGIN, AT_WRITE, AT_COMMIT, MOMENT_COUNT };

static int die_at(void *context)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc__keys_save save;
    struct simc_buffer text;
    int moment = *(int *)context;
    simc_buffer_init(&text, 1000);
    if (simc__keys_save_begin(&save, path_of("k"), &text, why))
        return 10;
    if (moment >= AT_WRITE && simc__keys_save_write(&save, simc_slice_text("new"), why))
        return 11;
    if (moment >= AT_COMMIT && simc__keys_save_commit(&save, why))
        return 12;
    raise(SIGKILL);
    return 13;
}

START_TEST(a_killed_process_leaves_the_old_file_or_the_new_one)
{
    for (int moment = 0; moment < MOMENT_COUNT; moment++) {
        struct simc__keys_save save;
        put_file("k", "old", 0600);
        unit_expect_signal(unit_in_child(die_at, &moment), SIGKILL);
        expect_file("k", moment == AT_COMMIT ? "new" : "old", 0600);
        if (moment == AT_WRITE)
            expect_file("k.new", "new", 0600);
        /* And the next one works as if nothing had been. */
        begin(&save, "k");
        write_and_commit(&save, "next");
        simc__keys_save_end(&save);
        expect_file("k", "next", 0600);
        expect_none("k.new");
    }
}
END_TEST

static int fill_disk(void *context)
{
    const struct rlimit little = {2, 2};
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc__keys_save save;
    struct simc_buffer text;
    (void)context;
    simc_buffer_init(&text, 1000);
    signal(SIGXFSZ, SIG_IGN);
    if (simc__keys_save_begin(&save, path_of("k"), &text, why) ||
        setrlimit(RLIMIT_FSIZE, &little) != 0)
        return 10;
    if (simc__keys_save_write(&save, simc_slice_text("newer"), why) != SIMC_EIO)
        return 11;
    simc__keys_save_end(&save);
    simc_buffer_fini(&text);
    return strcmp(plain(why), "cannot write D/k.new: File too large") == 0 ? 0 : 12;
}

START_TEST(a_full_disk_leaves_the_old_file)
{
    put_file("k", "old", 0600);
    unit_expect_exit(unit_in_child(fill_disk, NULL), 0);
    expect_file("k", "old", 0600);
    expect_none("k.new");
}
END_TEST

/* ---- new keys ---- */

static struct simc__conf_faults faults;

START_TEST(windows_follow_each_other_with_an_overlap)
{
    static const struct {
        uint64_t length_s, overlap_s;
    } cases[] = {{1, 0}, {10, 1}, {3600, 360}, {DAY, DAY / 10}, {10 * DAY, DAY}, {30 * DAY, DAY}};
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        const struct simc__keys_issue issue = {7, 4, T0, cases[i].length_s, 5};
        struct simc_buffer text;
        struct simc__keys *keys;
        size_t count;
        ck_assert_uint_eq(simc__keys_overlap_s(issue.length_s), cases[i].overlap_s);
        simc_buffer_init(&text, SIMC__KEYS_FILE_SIZE_MAX);
        ck_assert_int_eq(simc__keys_text_head(&text), 0);
        ck_assert_int_eq(simc__keys_text_issue(&text, &issue), 0);
        ck_assert_int_eq(simc__keys_load(simc_buffer_bytes(&text), "k", &keys, &faults), 0);
        const struct simc__keys_entry *all = simc__keys_all(keys, &count);
        ck_assert_uint_eq(count, 5);
        for (size_t n = 0; n < count; n++) {
            ck_assert_uint_eq(all[n].package, 7);
            ck_assert_uint_eq(all[n].version, 4 + n);
            ck_assert_uint_eq(all[n].start_s, T0 + n * issue.length_s);
            ck_assert_uint_eq(all[n].end_s, all[n].start_s + issue.length_s + cases[i].overlap_s);
        }
        simc__keys_free(keys);
        simc_buffer_fini(&text);
    }
}
END_TEST

START_TEST(what_does_not_fit_into_32_bits_is_refused)
{
    static const struct simc__keys_issue cases[] = {
        {1, 1, T0, DAY, 0},
        {1, 1, T0, 0, 1},
        {1, 0, T0, DAY, 1},
        {1, 1, UINT32_MAX, 1, 1},
        {1, 1, UINT64_MAX, 1, 1},
        {1, 1, T0, UINT64_MAX, 2},
        {1, 1, T0, 3650 * (uint64_t)DAY, 9},
        {1, UINT32_MAX, T0, DAY, 2},
        {1, 1, T0, DAY, SIMC__KEYS_MAX + 1},
    };
    struct simc_buffer text;
    simc_buffer_init(&text, SIMC__KEYS_FILE_SIZE_MAX);
    for (size_t i = 0; i < UNIT_COUNT(cases); i++)
        unit_expect_error(simc__keys_text_issue(&text, &cases[i]), SIMC_EINVAL);
    ck_assert_uint_eq(text.size, 0);
    const struct simc__keys_issue last = {1, UINT32_MAX, UINT32_MAX - 11, 10, 1};
    unit_expect_error(simc__keys_text_issue(&text, &last), 0);
    simc_buffer_fini(&text);
    simc_buffer_init(&text, 100);
    unit_expect_error(simc__keys_text_issue(&text, &last), SIMC_EFULL);
    simc_buffer_fini(&text);
}
END_TEST

START_TEST(a_set_is_written_as_it_was_read)
{
    const struct simc__keys_issue issue = {7, 4, T0, DAY, 5};
    struct simc_buffer text, again;
    struct simc__keys *keys;
    simc_buffer_init(&text, SIMC__KEYS_FILE_SIZE_MAX);
    simc_buffer_init(&again, SIMC__KEYS_FILE_SIZE_MAX);
    ck_assert_int_eq(simc__keys_text_head(&text), 0);
    ck_assert_int_eq(simc__keys_text_issue(&text, &issue), 0);
    ck_assert_int_eq(simc__keys_load(simc_buffer_bytes(&text), "k", &keys, &faults), 0);
    ck_assert_int_eq(simc__keys_text_all(&again, keys), 0);
    unit_expect_bytes(simc_buffer_bytes(&again), simc_buffer_bytes(&text));
    ck_assert(!simc__keys_text_has_comments(simc_buffer_bytes(&text)));
    ck_assert_int_eq(simc_buffer_append(&text, simc_slice_text("# mine\n")), 0);
    ck_assert(simc__keys_text_has_comments(simc_buffer_bytes(&text)));
    ck_assert(simc__keys_text_has_comments(simc_slice_text("#\n")));
    ck_assert(!simc__keys_text_has_comments(simc_slice_text("")));
    simc__keys_free(keys);
    simc_buffer_fini(&text);
    simc_buffer_fini(&again);
}
END_TEST

Suite *suite_keys_file(void)
{
    Suite *suite = suite_create("keys_file");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, a_file_that_others_may_use_is_refused);
    tcase_add_test(tests, what_is_no_file_is_refused);
    tcase_add_test(tests, a_file_is_replaced_with_its_mode);
    tcase_add_test(tests, without_a_commit_nothing_changes);
    tcase_add_test(tests, a_link_stays_a_link);
    tcase_add_test(tests, a_new_file_belongs_to_its_owner_alone_and_overwrites_nothing);
    tcase_add_test(tests, faults_of_the_file_system_are_told);
    tcase_add_test(tests, a_killed_process_leaves_the_old_file_or_the_new_one);
    tcase_add_test(tests, a_full_disk_leaves_the_old_file);
    tcase_add_test(tests, windows_follow_each_other_with_an_overlap);
    tcase_add_test(tests, what_does_not_fit_into_32_bits_is_refused);
    tcase_add_test(tests, a_set_is_written_as_it_was_read);
    suite_add_tcase(suite, tests);
    return suite;
}
