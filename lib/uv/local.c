/* SPDX-License-Identifier: BSL-1.0 */
/* Unix sockets: how one comes into the file system and out of it, and who is at its other end.
 * server.c and client.c call it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "uv/internal.h"

enum {
    MODE_STANDARD = 0660,
    MODE_HIDDEN = 0600, /* until group and mode are set */
    LOCK_TRIES = 100,
    LOCK_TRY_MS = 10,
    GROUP_ROOM = 16384,
    DECIMAL = 10,
};

/* Of <sys/file.h>, which a header of lib/sys hides. */
int flock(int fd, int operation);

_Static_assert(SIMC_UV_PATH_SIZE == sizeof((struct sockaddr_un *)0)->sun_path,
               "the size in the header is that of the system");

int simc__uv_local_read(const char *path, union simc__uv_sockaddr *address)
{
    size_t size = strnlen(path, SIMC_UV_PATH_SIZE);
    memset(address, 0, sizeof *address);
    address->local.family = AF_UNIX;
    if (size == 0 || size >= SIMC_UV_PATH_SIZE)
        return SIMC_EINVAL;
    memcpy(address->local.path, path, size);
    return 0;
}

bool simc__uv_local_credentials(int fd, union simc__uv_sockaddr *address)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    struct simc__uv_local *local = &address->local;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) || size != sizeof peer)
        return false;
    local->has_credentials = true;
    local->credentials = (struct simc_uv_credentials){peer.pid, peer.uid, peer.gid};
    return true;
}

/* ---- the way in ---- */

static struct sockaddr_un sockaddr_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

static const char *hint_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return " (another program listens there)";
    case ENOENT:
        return " (make its folder)";
    case EACCES:
    case EPERM:
        return " (its folder must be writable for the user that runs this program)";
    case EROFS:
        return " (choose a folder that can be written)";
    default:
        return "";
    }
}

/* Keeps other programs of ours from looking at the path at the same time: one could take the fresh
 * socket of the other for a stale one. @return the descriptor to be closed, or -1. */
static int folder_lock(const char *path)
{
    char folder[SIMC_UV_PATH_SIZE] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) {
        size_t size = slash > path ? (size_t)(slash - path) : 1;
        memcpy(folder, path, size);
        folder[size] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB); i++) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || i >= LOCK_TRIES) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        (void)poll(NULL, 0, LOCK_TRY_MS);
    }
    return fd;
}

/* True when the path is a socket that nobody listens on. */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) || !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_refused =
        connect(fd, (const struct sockaddr *)address, sizeof *address) && errno == ECONNREFUSED;
    close(fd);
    return is_refused;
}

static int bind_path(int fd, const struct sockaddr_un *address)
{
    /* Linux takes the mode of the descriptor for the file: nobody else can connect before group and
     * mode are set. */
    if (fchmod(fd, MODE_HIDDEN))
        return -1;
    int result = bind(fd, (const struct sockaddr *)address, sizeof *address);
    if (result == 0 || errno != EADDRINUSE)
        return result;
    if (!is_stale(address)) {
        errno = EADDRINUSE;
        return -1;
    }
    if (unlink(address->sun_path))
        return -1;
    return bind(fd, (const struct sockaddr *)address, sizeof *address);
}

static int group_find(const char *name, gid_t *gid)
{
    struct group group, *found = NULL;
    char room[GROUP_ROOM];
    uint64_t number = 0;
    if (name[strspn(name, "0123456789")] == '\0' && strlen(name) <= DECIMAL) {
        for (const char *at = name; *at; at++)
            number = number * DECIMAL + (uint64_t)(*at - '0');
        *gid = (gid_t)number;
        return number < UINT32_MAX && *name ? 0 : -1;
    }
    if (getgrnam_r(name, &group, room, sizeof room, &found) || !found)
        return -1;
    *gid = group.gr_gid;
    return 0;
}

/* Group, mode, and what tells it apart from other files. */
static int dress(const struct simc_uv_address *entry, struct simc__uv_local_file *file,
                 char why[SIMC_UV_TEXT_SIZE])
{
    struct stat status;
    gid_t gid = (gid_t)-1;
    if (entry->group && group_find(entry->group, &gid)) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "cannot listen on %s: there is no group \"%.64s\"",
                 entry->path, entry->group);
        return -1;
    }
    if (entry->group && lchown(entry->path, (uid_t)-1, gid)) {
        snprintf(why, SIMC_UV_TEXT_SIZE,
                 "cannot give %s to the group \"%.64s\": %s (the user that runs this program must "
                 "be in it)",
                 entry->path, entry->group, strerror(errno));
        return -1;
    }
    if (chmod(entry->path, entry->mode ? entry->mode : MODE_STANDARD) ||
        lstat(entry->path, &status)) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "cannot set the mode of %s: %s", entry->path,
                 strerror(errno));
        return -1;
    }
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return 0;
}

/* @return 0, or -1 with the sentence; the caller closes the descriptor. */
static int listen_locked(int fd, const struct simc_uv_address *entry, int backlog,
                         struct simc__uv_local_file *file, char why[SIMC_UV_TEXT_SIZE])
{
    struct sockaddr_un address = sockaddr_of(entry->path);
    struct stat status;
    if (bind_path(fd, &address)) {
        int error = errno;
        bool is_other =
            error == EADDRINUSE && lstat(entry->path, &status) == 0 && !S_ISSOCK(status.st_mode);
        snprintf(why, SIMC_UV_TEXT_SIZE, "cannot listen on %s: %s%s", entry->path, strerror(error),
                 is_other ? " (a file that is no socket stands there)" : hint_of(error));
        return -1;
    }
    if (dress(entry, file, why) == 0 && listen(fd, backlog) == 0)
        return 0;
    if (why[0] == '\0')
        snprintf(why, SIMC_UV_TEXT_SIZE, "cannot listen on %s: %s", entry->path, strerror(errno));
    (void)unlink(entry->path);
    return -1;
}

int simc__uv_local_listen(const struct simc_uv_address *entry, int backlog,
                          struct simc__uv_local_file *file, char why[SIMC_UV_TEXT_SIZE])
{
    union simc__uv_sockaddr checked;
    why[0] = '\0';
    if (simc__uv_local_read(entry->path, &checked)) {
        snprintf(why, SIMC_UV_TEXT_SIZE,
                 "cannot listen on \"%.64s\": the path of a unix socket has 1 to %d bytes",
                 entry->path, SIMC_UV_PATH_SIZE - 1);
        return -1;
    }
    memcpy(file->path, checked.local.path, sizeof file->path);
    int lock = folder_lock(entry->path);
    int fd = lock < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        snprintf(why, SIMC_UV_TEXT_SIZE, "cannot listen on %s: %s%s", entry->path, strerror(errno),
                 hint_of(errno));
    if (fd >= 0 && listen_locked(fd, entry, backlog, file, why)) {
        close(fd);
        fd = -1;
    }
    if (lock >= 0)
        close(lock);
    return fd;
}

/* ---- the way out ---- */

void simc__uv_local_remove(const struct simc__uv_local_file *file)
{
    struct stat status;
    if (lstat(file->path, &status) == 0 && S_ISSOCK(status.st_mode) &&
        (uint64_t)status.st_dev == file->device && (uint64_t)status.st_ino == file->inode)
        (void)unlink(file->path);
}
