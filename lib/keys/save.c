/* SPDX-License-Identifier: BSL-1.0 */
/* Replaces a key file as a whole; see file.h. Whenever the process or the power ends, the file is
 * the old one or the new one: the new one is written beside it, brought to the disk, and renamed. A
 * lock on the new one keeps two programs from changing it at once. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/internal.h"
#include "sys/file.h"

enum { NAME = SIMC__KEYS_NAME_SHOWN_MAX };

static const char fresh_end[] = ".new";

static int no_memory(char why[SIMC__KEYS_WHY_SIZE])
{
    return simc__keys_why(SIMC_ENOMEM, why, "no memory");
}

/* Takes a copy of the path, and the name of the file beside it. */
static int take_path(struct simc__keys_save *save, const char *path, char why[SIMC__KEYS_WHY_SIZE])
{
    size_t size = strlen(path);
    save->path = simc_alloc(size + 1);
    save->fresh = simc_alloc(size + sizeof fresh_end);
    if (!save->path || !save->fresh)
        return no_memory(why);
    memcpy(save->path, path, size + 1);
    memcpy(save->fresh, path, size);
    memcpy(save->fresh + size, fresh_end, sizeof fresh_end);
    return 0;
}

/* ---- the new file, which is the lock too ---- */

/* What a killed program has left behind is taken over, but not what others could look into. */
static bool is_own(const struct stat *about)
{
    return S_ISREG(about->st_mode) && about->st_uid == geteuid() && about->st_nlink == 1 &&
           !(about->st_mode & (S_IRWXG | S_IRWXO));
}

/* @return 1: the file has lost its name meanwhile, so another one is needed; 0, SIMC_EIO. */
static int lock_fresh(struct simc__keys_save *save, char why[SIMC__KEYS_WHY_SIZE])
{
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat opened, named;
    int fd = open(save->fresh, flags, 0600);
    if (fd < 0)
        return simc__keys_why(SIMC_EIO, why, "cannot write %.*s: %s", NAME, save->fresh,
                              strerror(errno));
    if (fstat(fd, &opened) != 0 || !is_own(&opened)) {
        close(fd);
        return simc__keys_why(SIMC_EIO, why, "%.*s is in the way and not from this user; remove it",
                              NAME, save->fresh);
    }
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        int error = errno;
        close(fd);
        if (error == EAGAIN || error == EACCES)
            return simc__keys_why(SIMC_EIO, why,
                                  "%.*s is being changed by another program; try again", NAME,
                                  save->path);
        return simc__keys_why(SIMC_EIO, why, "cannot lock %.*s: %s", NAME, save->fresh,
                              strerror(error));
    }
    if (stat(save->fresh, &named) != 0 || named.st_dev != opened.st_dev ||
        named.st_ino != opened.st_ino) {
        close(fd);
        return 1;
    }
    save->fresh_fd = fd;
    return 0;
}

static int open_fresh(struct simc__keys_save *save, char why[SIMC__KEYS_WHY_SIZE])
{
    enum { TRIES_MAX = 16 };
    int result = 1;
    for (unsigned i = 0; i < TRIES_MAX && result == 1; i++)
        result = lock_fresh(save, why);
    if (result == 1)
        return simc__keys_why(SIMC_EIO, why, "%.*s is being changed by other programs; try again",
                              NAME, save->path);
    return result;
}

/* ---- beginning ---- */

/* Reads the old file, and notes whose it is. */
static int read_old(struct simc__keys_save *save, struct simc_buffer *text,
                    char why[SIMC__KEYS_WHY_SIZE])
{
    struct stat about;
    int fd = open(save->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return simc__keys_why(SIMC_EIO, why, "cannot read %.*s: %s", NAME, save->path,
                              strerror(errno));
    int error = simc__keys_fd_check(fd, save->path, why);
    if (!error && fstat(fd, &about) != 0)
        error = simc__keys_why(SIMC_EIO, why, "cannot read %.*s: %s", NAME, save->path,
                               strerror(errno));
    if (!error) {
        save->replaces = true;
        save->mode = (unsigned)about.st_mode & 0777u;
        save->owner = (unsigned)about.st_uid;
        save->group = (unsigned)about.st_gid;
        error = simc__keys_fd_read(fd, save->path, text, why);
    }
    close(fd);
    return error;
}

int simc__keys_save_begin(struct simc__keys_save *save, const char *path, struct simc_buffer *text,
                          char why[SIMC__KEYS_WHY_SIZE])
{
    memset(save, 0, sizeof *save);
    save->fresh_fd = -1;
    /* Where links lead: the file is to be replaced, not the link. */
    char real[PATH_MAX];
    if (!realpath(path, real))
        return simc__keys_why(SIMC_EIO, why, "cannot read %.*s: %s", NAME, path, strerror(errno));
    int error = take_path(save, real, why);
    if (!error)
        error = open_fresh(save, why);
    if (!error)
        error = read_old(save, text, why);
    if (error)
        simc__keys_save_end(save);
    return error;
}

int simc__keys_save_create(struct simc__keys_save *save, const char *path,
                           char why[SIMC__KEYS_WHY_SIZE])
{
    struct stat about;
    memset(save, 0, sizeof *save);
    save->fresh_fd = -1;
    save->mode = 0600;
    int error = take_path(save, path, why);
    if (!error && lstat(path, &about) == 0)
        error = simc__keys_why(SIMC_EIO, why,
                               "%.*s exists already, and keys are never overwritten; name another "
                               "file, or say 'simulcrypt keys add' or 'rotate'",
                               NAME, path);
    if (!error)
        error = open_fresh(save, why);
    if (error)
        simc__keys_save_end(save);
    return error;
}

/* ---- writing ---- */

int simc__keys_save_write(struct simc__keys_save *save, struct simc_slice text,
                          char why[SIMC__KEYS_WHY_SIZE])
{
    int fd = save->fresh_fd;
    /* The daemon that owns the file must be able to read the new one too, also when root makes it.
     * The mode comes last: it may take the right to write away. */
    if (save->replaces && (save->owner != geteuid() || save->group != getegid()) &&
        fchown(fd, save->owner, save->group) != 0)
        return simc__keys_why(SIMC_EIO, why, "cannot give %.*s its owner: %s; run this as root",
                              NAME, save->fresh, strerror(errno));
    if (ftruncate(fd, 0) != 0 || simc__file_write(fd, text) || fchmod(fd, save->mode) != 0 ||
        fsync(fd) != 0)
        return simc__keys_why(SIMC_EIO, why, "cannot write %.*s: %s", NAME, save->fresh,
                              strerror(errno));
    return 0;
}

/* ---- putting it in place ---- */

/* Gives the new file its name if no file has it yet. @return 0, or -1 with errno. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* A file system without this call: a second name, then the first one goes. */
    if (link(from, to) != 0)
        return -1;
    unlink(from);
    return 0;
}

/* The folder holds the name; it too has to reach the disk. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash && slash > path ? (size_t)(slash - path) : 1;
    snprintf(folder, sizeof folder, "%.*s", (int)size, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    /* Some file systems cannot do that with folders, and need not. */
    int result = fsync(fd) == 0 || errno == EINVAL ? 0 : -1;
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

int simc__keys_save_commit(struct simc__keys_save *save, char why[SIMC__KEYS_WHY_SIZE])
{
    int result =
        save->replaces ? rename(save->fresh, save->path) : rename_new(save->fresh, save->path);
    if (result != 0)
        return simc__keys_why(SIMC_EIO, why,
                              errno == EEXIST ? "%.*s was made by another program meanwhile: %s"
                                              : "cannot write %.*s: %s",
                              NAME, save->path, strerror(errno));
    close(save->fresh_fd); /* which unlocks */
    save->fresh_fd = -1;
    if (sync_folder(save->path) != 0)
        return simc__keys_why(SIMC_EIO, why, "%.*s is written, but may not outlive a power cut: %s",
                              NAME, save->path, strerror(errno));
    return 0;
}

void simc__keys_save_end(struct simc__keys_save *save)
{
    if (save->fresh_fd >= 0) {
        unlink(save->fresh);
        close(save->fresh_fd);
    }
    simc_free(save->path);
    simc_free(save->fresh);
    memset(save, 0, sizeof *save);
    save->fresh_fd = -1;
}
