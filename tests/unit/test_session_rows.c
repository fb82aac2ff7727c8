/* SPDX-License-Identifier: BSL-1.0 */
/* The table of the session's state machine: each row is used by a script, each script survives each
 * allocation that fails, and the table's own rules. Run by the unit test runner. */
#include <stdio.h>
#include <string.h>

#include "session/rows.h"
#include "unit/session_script.h"

Suite *suite_session_rows(void);

static void run_all(const struct session_script *scripts, size_t count, uint8_t *rows)
{
    const struct session_run run = {.is_checked = true, .rows = rows};
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(session_script_run(&scripts[i], &run), 0);
}

START_TEST(every_row_is_used_by_a_script)
{
    static uint8_t rows[1024];
    run_all(session_scripts_ecmg, session_scripts_ecmg_count, rows);
    run_all(session_scripts_scs, session_scripts_scs_count, rows);
    char missing[4096] = "";
    for (unsigned i = 0; i < simc__session_row_count(); i++) {
        /* The scripts are those of ECMG-SCS; EMMG-MUX has conversations (conversation_files). */
        unsigned roles = simc__session_row(i)->roles;
        if (rows[i] || !(roles & (1u << SIMC__ROLE_ECMG | 1u << SIMC__ROLE_SCS)))
            continue;
        unit_append(missing, sizeof missing, simc__session_row_name(i));
        unit_append(missing, sizeof missing, "\n");
    }
    ck_assert_msg(!missing[0], "rows that no script uses:\n%s", missing);
}
END_TEST

START_TEST(rows_keep_to_their_rules)
{
    ck_assert_ptr_null(simc__session_row_name(simc__session_row_count()));
    ck_assert_ptr_null(simc__session_row(simc__session_row_count()));
    for (unsigned i = 0; i < simc__session_row_count(); i++) {
        const struct simc__row *row = simc__session_row(i);
        const char *name = simc__session_row_name(i);
        bool of_stream = row->state >= SIMC__ST_NOT_OPEN;
        bool next_of_stream = row->next >= SIMC__ST_NOT_OPEN && row->next != SIMC__SAME;
        bool moves = row->next != SIMC__SAME;
        ck_assert_msg(!moves || of_stream == next_of_stream, "%s moves to another kind", name);
        ck_assert_msg(moves || row->next != row->state, "%s names its own state", name);
        ck_assert_msg(row->carrier || !row->status, "%s has a status and no message", name);
        ck_assert_msg(row->event != SIMC__EV_NONE && row->action, "%s does something", name);
        ck_assert_msg(row->clause[0] || row->basis == SIMC__DECISION, "%s lacks its clause", name);
        for (unsigned role = 0; role < SIMC__ROLE_COUNT; role++) {
            if (row->roles >> role & 1)
                ck_assert_ptr_eq(simc__row_find((enum simc__role)role, (enum simc__state)row->state,
                                                (enum simc__event)row->event),
                                 row);
        }
    }
}
END_TEST

START_TEST(errors_are_never_answered_with_errors)
{
    for (unsigned i = 0; i < simc__session_row_count(); i++) {
        const struct simc__row *row = simc__session_row(i);
        bool is_error = strstr(simc__session_row_name(i), "_ERROR") &&
                        simc__event_kind_of((enum simc__event)row->event) == SIMC__KIND_MESSAGE;
        ck_assert_msg(!is_error || row->carrier == SIMC__NO_ERROR, "%s answers an error",
                      simc__session_row_name(i));
    }
}
END_TEST

static int run_unchecked(void *context)
{
    const struct session_run run = {.is_checked = false};
    return session_script_run(context, &run);
}

static void fail_each(const struct session_script *script)
{
    struct session_script copy = *script;
    unit_fail_each_allocation(run_unchecked, &copy, false);
}

START_TEST(every_failed_allocation_is_survived)
{
    for (size_t i = 0; i < session_scripts_ecmg_count; i++)
        fail_each(&session_scripts_ecmg[i]);
    for (size_t i = 0; i < session_scripts_scs_count; i++)
        fail_each(&session_scripts_scs[i]);
}
END_TEST

Suite *suite_session_rows(void)
{
    Suite *suite = suite_create("session_rows");
    TCase *tcase = tcase_create("rows");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, every_row_is_used_by_a_script);
    tcase_add_test(tcase, rows_keep_to_their_rules);
    tcase_add_test(tcase, errors_are_never_answered_with_errors);
    tcase_add_test(tcase, every_failed_allocation_is_survived);
    suite_add_tcase(suite, tcase);
    return suite;
}
