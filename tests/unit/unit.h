/* SPDX-License-Identifier: BSL-1.0 */
/* Small helpers that all unit tests share: bytes from hex, comparisons with readable messages,
 * an allocator that fails on demand, fixed random numbers, a strict JSON checker. */
#ifndef SIMC_TESTS_UNIT_H
#define SIMC_TESTS_UNIT_H

#include <check.h>

#include "simulcrypt/base.h"

/* Check writes a record to a file for each assertion that holds, which makes loops over millions
 * of them take minutes. What fails is still told with its place. The build includes this header in
 * front of every test. */
#define _mark_point(file, line) ((void)0)

#define UNIT_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- bytes ---- */

enum { UNIT_BYTES_MAX = 8192 };

/* Bytes in a value of its own, so that a test can write them as a literal. */
struct unit_bytes {
    size_t size;
    uint8_t data[UNIT_BYTES_MAX];
};

/** Bytes of a hex literal ("03 0001 00:ff", separators as simc_hex_read()); a bad literal ends the
 *  test. */
struct unit_bytes unit_hex(const char *text);

static inline struct simc_slice unit_slice(const struct unit_bytes *bytes)
{
    return simc_slice(bytes->data, bytes->size);
}

/** A copy in a heap block of exactly that size (one byte for size 0), so that the sanitizer sees a
 *  read past its end. Release it with free(). */
uint8_t *unit_exact(struct simc_slice bytes);

/** A number of the environment, which makes a test longer or another one; else `otherwise`. */
uint64_t unit_number(const char *name, uint64_t otherwise);

/** Zeroed memory that lasts until the process ends. Large static arrays would be searched for
 *  pointers by the leak check of each test, one process each; this is not. */
void *unit_room(size_t size);
/** Like `static type name[count]`, but by unit_room(): for what is large. */
#define UNIT_ROOM(type, name, count) \
    static type *name;               \
    name = name ? name : unit_room((count) * sizeof(type))

/* ---- comparisons: each ends the test with a message that shows both sides ---- */

#define unit_expect_bytes(got, wanted) unit__expect_bytes(__FILE__, __LINE__, #got, got, wanted)
/** The wanted bytes as a hex literal. */
#define unit_expect_hex(got, hex) unit__expect_hex(__FILE__, __LINE__, #got, got, hex)
/** The wanted bytes as a C string. */
#define unit_expect_text(got, text) unit__expect_text(__FILE__, __LINE__, #got, got, text)
/** An error row by its value; the message shows both names. */
#define unit_expect_error(got, wanted) unit__expect_error(__FILE__, __LINE__, #got, got, wanted)

void unit__expect_bytes(const char *file, int line, const char *what, struct simc_slice got,
                        struct simc_slice wanted);
void unit__expect_hex(const char *file, int line, const char *what, struct simc_slice got,
                      const char *hex);
void unit__expect_text(const char *file, int line, const char *what, struct simc_slice got,
                       const char *text);
void unit__expect_error(const char *file, int line, const char *what, int got, int wanted);

/* ---- failing allocations ---- */

/** Installs the counting allocator. @param fail_at the number of the allocation that fails,
 *  counted from 1; 0: none. */
void unit_alloc_start(uint64_t fail_at);
/** Brings back the C library's allocator. @return blocks that were not released. */
size_t unit_alloc_stop(void);
/** Allocations and growths asked for since unit_alloc_start(). */
uint64_t unit_alloc_count(void);
/** From now on all allocations fail, or none but the one named at the start. */
void unit_alloc_refuse(bool all);
/** What is allocated until `is_spared` is false again, as often as it was true, is that of a peer
 *  of the code under test: it never fails, and is not counted. */
void unit_alloc_spare(bool is_spared);

/** Runs `step` failing allocation 1, then 2, 3... until it runs without meeting the failure.
 *  The step builds everything anew, releases everything, and returns 0 when it succeeded or the
 *  error it met. The test ends when a step leaks, reports success though it needed the block and
 *  `error_wanted` is set, or reports any error but SIMC_ENOMEM.
 *  @param error_wanted true: a failed allocation must come back as SIMC_ENOMEM; false: a step may
 *         also succeed without the block (for example by going on with less room).
 *  @return how many allocations the undisturbed step makes. */
uint64_t unit_fail_each_allocation(int (*step)(void *context), void *context, bool error_wanted);

/* ---- processes and pipes ---- */

/* True in a build with a sanitizer that replaces functions of the C library. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define UNIT_SANITIZED 1
#endif
#endif
#ifndef UNIT_SANITIZED
#define UNIT_SANITIZED 0
#endif

/** Runs a function in a child that leaves no core; its result is the child's exit status. The
 *  function reports by that status only, never by an assertion. @return the status of waitpid(). */
int unit_in_child(int (*work)(void *context), void *context);

/** Checks how a child ended. @param status of unit_in_child() or waitpid(). */
#define unit_expect_exit(status, wanted)   unit__expect_exit(__FILE__, __LINE__, status, wanted)
#define unit_expect_signal(status, wanted) unit__expect_signal(__FILE__, __LINE__, status, wanted)

void unit__expect_exit(const char *file, int line, int status, int wanted);
void unit__expect_signal(const char *file, int line, int status, int wanted);

/** Makes a pipe with little room (one page where the system allows it).
 *  @param non_blocking_end 0 or 1: this end is non-blocking; -1: none is. */
void unit_narrow_pipe(int fds[2], int non_blocking_end);

/* ---- random numbers: splitmix64, the same in every run ---- */

struct unit_random {
    uint64_t state;
};

static inline struct unit_random unit_random(uint64_t seed)
{
    struct unit_random random = {seed};
    return random;
}

uint64_t unit_random_next(struct unit_random *random);
/** A number in 0..limit-1. @param limit > 0. */
uint64_t unit_random_below(struct unit_random *random, uint64_t limit);
void unit_random_fill(struct unit_random *random, void *memory, size_t size);

/* ---- JSON ---- */

/** True for exactly one JSON value (RFC 8259) in valid UTF-8 with nothing behind it but at most
 *  one line end, without control characters, repeated keys or nesting over 32 levels.
 *  @param fault_at on false the offset where it went wrong (NULL: not wanted). */
bool unit_json_is_valid(struct simc_slice text, size_t *fault_at);

/** Appends to a text in an array of `size` bytes; fails the test when it does not fit. */
void unit_append(char *text, size_t size, const char *more);

#endif
