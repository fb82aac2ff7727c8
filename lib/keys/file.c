/* SPDX-License-Identifier: BSL-1.0 */
/* Reads key files that nobody else can, and writes their text; see file.h. Blocking calls only: a
 * daemon reads its key file at the start and at a reload. */
#include "keys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "keys/internal.h"

/* ---- reading ---- */

static const char stdin_name[] = "standard input";

int simc__keys_why(int error, char why[SIMC__KEYS_WHY_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, SIMC__KEYS_WHY_SIZE, format, arguments);
    va_end(arguments);
    simc__text_disarm(why);
    return error;
}

int simc__keys_fd_check(int fd, const char *path, char why[SIMC__KEYS_WHY_SIZE])
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return simc__keys_why(SIMC_EIO, why, "cannot read %.*s: %s", SIMC__KEYS_NAME_SHOWN_MAX,
                              path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return simc__keys_why(SIMC_EIO, why, "%.*s is no file, so it cannot be a key file",
                              SIMC__KEYS_NAME_SHOWN_MAX, path);
    if (!(about.st_mode & (S_IRWXG | S_IRWXO)))
        return 0;
    unsigned mode = (unsigned)about.st_mode & 07777u;
    if (strcmp(path, stdin_name) == 0)
        return simc__keys_why(SIMC_EIO, why,
                              "the file behind %s holds keys but is open to others than its owner "
                              "(mode %04o); make its mode 600",
                              path, mode);
    return simc__keys_why(SIMC_EIO, why,
                          "%.*s holds keys but is open to others than its owner (mode %04o); say: "
                          "chmod 600 %.*s",
                          SIMC__KEYS_NAME_SHOWN_MAX, path, mode, SIMC__KEYS_NAME_SHOWN_MAX, path);
}

int simc__keys_fd_read(int fd, const char *path, struct simc_buffer *into,
                       char why[SIMC__KEYS_WHY_SIZE])
{
    enum { READ_SIZE = 65536 };
    for (;;) {
        uint8_t *room, extra;
        size_t left = into->ceiling - into->size;
        /* At the ceiling one more byte tells "full to the brim" from "too large". */
        size_t wanted = left < READ_SIZE ? left : READ_SIZE;
        int error = wanted ? simc_buffer_reserve(into, wanted, &room) : 0;
        if (error)
            return simc__keys_why(error, why, "cannot read %.*s: %s", SIMC__KEYS_NAME_SHOWN_MAX,
                                  path, simc_error_text(error));
        ssize_t size = wanted ? read(fd, room, wanted) : read(fd, &extra, 1);
        if (size == 0)
            return 0;
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return simc__keys_why(SIMC_EIO, why, "cannot read %.*s: %s", SIMC__KEYS_NAME_SHOWN_MAX,
                                  path, strerror(errno));
        if (!wanted)
            return simc__keys_why(SIMC_EFULL, why,
                                  "%.*s is larger than %zu bytes, the most that is read",
                                  SIMC__KEYS_NAME_SHOWN_MAX, path, into->ceiling);
        simc_buffer_commit(into, (size_t)size);
    }
}

int simc__keys_file_read(const char *path, struct simc_buffer *into, char why[SIMC__KEYS_WHY_SIZE])
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct stat about;
    if (is_stdin && fstat(STDIN_FILENO, &about) == 0 && !S_ISREG(about.st_mode))
        return simc__keys_fd_read(STDIN_FILENO, stdin_name, into, why); /* a pipe */
    /* A pipe in the place of the file must not hold up a daemon. */
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return simc__keys_why(SIMC_EIO, why, "cannot read %.*s: %s", SIMC__KEYS_NAME_SHOWN_MAX,
                              path, strerror(errno));
    path = is_stdin ? stdin_name : path;
    int error = simc__keys_fd_check(fd, path, why);
    if (!error)
        error = simc__keys_fd_read(fd, path, into, why);
    if (!is_stdin)
        close(fd);
    return error;
}

/* ---- text ---- */

static const char head[] =
    "# Package keys of an OpenSimulCrypt head-end. Whoever reads this file opens everything: it\n"
    "# belongs to its owner alone (mode 600). 'simulcrypt keys' makes and changes it.\n"
    "format: 1\n"
    "keys:\n";

int simc__keys_text_head(struct simc_buffer *text)
{
    return simc_buffer_append(text, simc_slice_text(head));
}

int simc__keys_text_entry(struct simc_buffer *text, const struct simc__keys_entry *entry)
{
    uint8_t *room;
    int error = simc_buffer_reserve(text, SIMC__KEYS_LINE_SIZE, &room);
    if (error)
        return error;
    struct simc_writer out = simc_writer(room, SIMC__KEYS_LINE_SIZE);
    simc__text_printf(&out, "  - {package: %u, version: %u, start: ", (unsigned)entry->package,
                      (unsigned)entry->version);
    simc__conf_time_put(&out, entry->start_s);
    simc__text_put(&out, ", end: ");
    simc__conf_time_put(&out, entry->end_s);
    /* In quotes, because digits alone would be a number to other readers of YAML. */
    simc__text_put(&out, ", key: \"");
    simc__text_put_hex(&out, simc_secret_bytes(entry->key));
    simc__text_put(&out, "\"}\n");
    if (!out.error)
        simc_buffer_commit(text, out.at);
    return out.error;
}

int simc__keys_text_all(struct simc_buffer *text, const struct simc__keys *keys)
{
    size_t count;
    const struct simc__keys_entry *entries = simc__keys_all(keys, &count);
    int error = simc__keys_text_head(text);
    for (size_t i = 0; i < count && !error; i++)
        error = simc__keys_text_entry(text, &entries[i]);
    return error;
}

bool simc__keys_text_has_comments(struct simc_slice text)
{
    size_t size = sizeof head - 1;
    /* In a key file that loads, no value holds a '#'. */
    if (text.size >= size && simc_slice_equal(simc_slice(text.data, size), simc_slice(head, size)))
        text = simc_slice(text.data + size, text.size - size);
    return text.size && memchr(text.data, '#', text.size);
}
