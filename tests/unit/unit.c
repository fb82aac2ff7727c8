/* SPDX-License-Identifier: BSL-1.0 */
/* Small helpers that all unit tests share; see unit.h. The JSON checker is written by hand, so
 * that it shares no mistake with the code that writes JSON. */
#include "unit/unit.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- bytes and comparisons ---- */

enum { SHOWN_MAX = 48, SHOWN_SIZE = SHOWN_MAX * 3 + 8 };

struct unit_bytes unit_hex(const char *text)
{
    struct unit_bytes bytes;
    memset(&bytes, 0, sizeof bytes);
    size_t bad_at = 0;
    int error =
        simc_hex_read(simc_slice_text(text), bytes.data, sizeof bytes.data, &bytes.size, &bad_at);
    ck_assert_msg(error == 0, "bad hex literal at %zu: \"%s\": %s", bad_at, text,
                  simc_error_text(error));
    return bytes;
}

uint8_t *unit_exact(struct simc_slice bytes)
{
    uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
    ck_assert_ptr_nonnull(copy);
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    return copy;
}

uint64_t unit_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

void *unit_room(size_t size)
{
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_msg(room != MAP_FAILED, "no memory for a test");
    return room;
}

/* Hex of the bytes from `from`, as many as fit into a message. */
static const char *show(char shown[SHOWN_SIZE], struct simc_slice bytes, size_t from)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0, i = from;
    for (; i < bytes.size && i - from < SHOWN_MAX; i++) {
        shown[at++] = digits[bytes.data[i] >> 4];
        shown[at++] = digits[bytes.data[i] & 0xf];
        shown[at++] = ' ';
    }
    memcpy(shown + at, i < bytes.size ? "..." : "", i < bytes.size ? 4 : 1);
    return shown;
}

void unit__expect_bytes(const char *file, int line, const char *what, struct simc_slice got,
                        struct simc_slice wanted)
{
    char got_shown[SHOWN_SIZE], wanted_shown[SHOWN_SIZE];
    size_t at = 0;
    while (at < got.size && at < wanted.size && got.data[at] == wanted.data[at])
        at++;
    if (at == got.size && at == wanted.size)
        return;
    size_t from = at > 8 ? at - 8 : 0;
    ck_abort_msg("%s:%d: %s differs at byte %zu (size %zu, wanted %zu); from byte %zu on\n"
                 "     got: %s\n  wanted: %s",
                 file, line, what, at, got.size, wanted.size, from, show(got_shown, got, from),
                 show(wanted_shown, wanted, from));
}

void unit__expect_hex(const char *file, int line, const char *what, struct simc_slice got,
                      const char *hex)
{
    struct unit_bytes wanted = unit_hex(hex);
    unit__expect_bytes(file, line, what, got, unit_slice(&wanted));
}

void unit__expect_text(const char *file, int line, const char *what, struct simc_slice got,
                       const char *text)
{
    if (simc_slice_equal(got, simc_slice_text(text)))
        return;
    ck_abort_msg("%s:%d: %s\n     got: [%.*s]\n  wanted: [%s]", file, line, what, (int)got.size,
                 got.data ? (const char *)got.data : "", text);
}

void unit__expect_error(const char *file, int line, const char *what, int got, int wanted)
{
    if (got != wanted)
        ck_abort_msg("%s:%d: %s is %s (%d), wanted %s (%d)", file, line, what, simc_error_name(got),
                     got, simc_error_name(wanted), wanted);
}

/* ---- failing allocations ---- */

struct counting {
    uint64_t count;
    uint64_t fail_at;
    size_t blocks;
    unsigned spared;
    bool failed, refuses;
};

static struct counting counting;

static void *counting_resize(void *context, void *pointer, size_t size)
{
    struct counting *c = context;
    if (size == 0) {
        c->blocks -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    if (!c->spared && (++c->count == c->fail_at || c->refuses)) {
        c->failed = true;
        return NULL;
    }
    void *block = realloc(pointer, size);
    if (block && !pointer) {
        c->blocks++;
        /* What is not zeroed on purpose must not look zeroed by accident. */
        memset(block, 0xa5, size);
    }
    return block;
}

void unit_alloc_start(uint64_t fail_at)
{
    const struct simc_allocator allocator = {counting_resize, &counting};
    memset(&counting, 0, sizeof counting);
    counting.fail_at = fail_at;
    simc_allocator_set(&allocator);
}

size_t unit_alloc_stop(void)
{
    simc_allocator_set(NULL);
    return counting.blocks;
}

uint64_t unit_alloc_count(void)
{
    return counting.count;
}

void unit_alloc_refuse(bool all)
{
    counting.refuses = all;
}

void unit_alloc_spare(bool is_spared)
{
    ck_assert(is_spared || counting.spared > 0);
    counting.spared += is_spared ? 1 : -1u;
}

uint64_t unit_fail_each_allocation(int (*step)(void *context), void *context, bool error_wanted)
{
    /* A step with more allocations than this is a loop that does not end. */
    enum { FAIL_AT_MAX = 100000 };
    for (uint64_t fail_at = 1; fail_at <= FAIL_AT_MAX; fail_at++) {
        unit_alloc_start(fail_at);
        int error = step(context);
        size_t blocks = unit_alloc_stop();
        unsigned long long at = fail_at;
        ck_assert_msg(blocks == 0, "%zu blocks leak when allocation %llu fails", blocks, at);
        if (!counting.failed) {
            ck_assert_msg(error == 0, "without a failed allocation: %s", simc_error_name(error));
            return counting.count;
        }
        ck_assert_msg(error == SIMC_ENOMEM || (error == 0 && !error_wanted),
                      "allocation %llu fails, but the result is %s", at, simc_error_name(error));
    }
    ck_abort_msg("more than %d allocations in one step", FAIL_AT_MAX);
    return 0;
}

/* ---- processes and pipes ---- */

int unit_in_child(int (*work)(void *context), void *context)
{
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        /* A sanitizer's handler would turn the signal into an exit status. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        _exit(work(context));
    }
    int status = -1;
    while (waitpid(pid, &status, 0) < 0)
        ck_assert_int_eq(errno, EINTR);
    return status;
}

void unit__expect_exit(const char *file, int line, int status, int wanted)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
        ck_abort_msg("%s:%d: wait status %#x instead of exit status %d", file, line,
                     (unsigned)status, wanted);
}

void unit__expect_signal(const char *file, int line, int status, int wanted)
{
    if (!WIFSIGNALED(status) || WTERMSIG(status) != wanted)
        ck_abort_msg("%s:%d: wait status %#x instead of signal %d", file, line, (unsigned)status,
                     wanted);
}

void unit_narrow_pipe(int fds[2], int non_blocking_end)
{
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    (void)fcntl(fds[1], F_SETPIPE_SZ, 4096);
    if (non_blocking_end >= 0)
        ck_assert_int_eq(fcntl(fds[non_blocking_end], F_SETFL, O_NONBLOCK), 0);
}

/* ---- random numbers ---- */

uint64_t unit_random_next(struct unit_random *random)
{
    /* Wraps on purpose: splitmix64 (Steele, Lea, Flood 2014). */
    uint64_t z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t unit_random_below(struct unit_random *random, uint64_t limit)
{
    /* The small bias towards low numbers does not matter to a test. */
    return unit_random_next(random) % limit;
}

void unit_random_fill(struct unit_random *random, void *memory, size_t size)
{
    uint8_t *bytes = memory;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)unit_random_next(random);
}

/* ---- JSON ---- */

enum { JSON_DEPTH_MAX = 32, JSON_KEYS_MAX = 64 };

struct json {
    struct simc_slice text;
    size_t at;
    unsigned depth;
};

static bool json_value(struct json *j);

static int json_peek(const struct json *j)
{
    return j->at < j->text.size ? j->text.data[j->at] : -1;
}

static bool json_take(struct json *j, const char *word)
{
    size_t size = strlen(word);
    if (j->text.size - j->at < size || memcmp(j->text.data + j->at, word, size) != 0)
        return false;
    j->at += size;
    return true;
}

static void json_space(struct json *j)
{
    while (json_peek(j) == ' ' || json_peek(j) == '\t')
        j->at++;
}

static bool json_digits(struct json *j)
{
    size_t start = j->at;
    while (json_peek(j) >= '0' && json_peek(j) <= '9')
        j->at++;
    return j->at > start;
}

static bool json_number(struct json *j)
{
    (void)json_take(j, "-");
    if (!json_take(j, "0") && !json_digits(j))
        return false;
    if (json_take(j, ".") && !json_digits(j))
        return false;
    if (json_take(j, "e") || json_take(j, "E")) {
        if (!json_take(j, "+"))
            (void)json_take(j, "-");
        return json_digits(j);
    }
    return true;
}

/* One character of a string in UTF-8: shortest form, no surrogates, at most U+10FFFF. */
static bool json_utf8(struct json *j)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned c = j->text.data[j->at];
    unsigned size = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
    if (size == 0 || j->text.size - j->at < size)
        return false;
    uint32_t code = size == 1 ? c : c & (0x7fU >> size);
    for (unsigned i = 1; i < size; i++) {
        unsigned next = j->text.data[j->at + i];
        if (next >> 6 != 2)
            return false;
        code = code << 6 | (next & 0x3f);
    }
    if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return false;
    j->at += size;
    return true;
}

static bool json_string(struct json *j, struct simc_slice *inside)
{
    if (!json_take(j, "\""))
        return false;
    size_t start = j->at;
    while (json_peek(j) != '"') {
        int c = json_peek(j);
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c != '\\') {
            if (!json_utf8(j))
                return false;
            continue;
        }
        j->at++;
        if (json_take(j, "u")) {
            for (int i = 0; i < 4; i++, j->at++) {
                if (json_peek(j) < 0 || !strchr("0123456789abcdefABCDEF", json_peek(j)))
                    return false;
            }
        } else if (json_peek(j) <= 0 || !strchr("\"\\/bfnrt", json_peek(j))) {
            return false;
        } else {
            j->at++;
        }
    }
    *inside = simc_slice(j->text.data + start, j->at - start);
    j->at++;
    return true;
}

static bool json_object(struct json *j)
{
    struct simc_slice keys[JSON_KEYS_MAX];
    size_t count = 0;
    json_space(j);
    if (json_take(j, "}"))
        return true;
    do {
        json_space(j);
        if (count == JSON_KEYS_MAX || !json_string(j, &keys[count]))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (simc_slice_equal(keys[i], keys[count]))
                return false;
        }
        count++;
        json_space(j);
        if (!json_take(j, ":") || !json_value(j))
            return false;
    } while (json_take(j, ","));
    return json_take(j, "}");
}

static bool json_array(struct json *j)
{
    json_space(j);
    if (json_take(j, "]"))
        return true;
    do {
        if (!json_value(j))
            return false;
    } while (json_take(j, ","));
    return json_take(j, "]");
}

static bool json_value(struct json *j)
{
    struct simc_slice inside;
    bool good;
    if (j->depth == JSON_DEPTH_MAX)
        return false;
    j->depth++;
    json_space(j);
    if (json_peek(j) == '"')
        good = json_string(j, &inside);
    else if (json_take(j, "{"))
        good = json_object(j);
    else if (json_take(j, "["))
        good = json_array(j);
    else
        good =
            json_take(j, "true") || json_take(j, "false") || json_take(j, "null") || json_number(j);
    json_space(j);
    j->depth--;
    return good;
}

bool unit_json_is_valid(struct simc_slice text, size_t *fault_at)
{
    struct json j = {text, 0, 0};
    bool good = json_value(&j);
    if (good && json_peek(&j) == '\n')
        j.at++;
    if (fault_at)
        *fault_at = j.at;
    return good && j.at == text.size;
}

void unit_append(char *text, size_t size, const char *more)
{
    size_t length = strlen(text);
    int added = snprintf(text + length, size - length, "%s", more);
    ck_assert_msg(added >= 0 && (size_t)added < size - length, "the text does not fit: %s", more);
}
