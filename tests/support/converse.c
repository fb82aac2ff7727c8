/* SPDX-License-Identifier: BSL-1.0 */
/* Runs conversation files over TCP against a program and prints TAP. Scenarios call it, and people
 * who want to see why a file fails. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/options.h"
#include "base/text.h"
#include "conversation/conversation.h"
#include "sys/file.h"

enum { READ_SIZE = 65536, OUTPUT_MAX = 16 << 20, FLUSH_MS = 1000, RUN_MAX_MS = 120000 };
enum { JOBS_MAX = 512, JOB_FIELDS_MAX = 32, JOB_STACK_SIZE = 1 << 20 };

struct values {
    const char *connect, *listen, *record, *jobs;
    struct simc__option_texts set;
    bool verbose, strict;
    uint64_t limit_s;
    FILE *out;
    FILE *record_file;    /* NULL: no record is wanted */
    uint32_t next_number; /* of connections, over all files */
};

struct peer {
    int fd; /* -1: none */
    bool connecting, accepting;
    uint32_t number; /* in the record */
    struct simc_buffer output;
};

struct driver {
    struct values *values;
    struct simc__conversation_run *run;
    struct peer peers[SIMC__CONVERSATION_CONNECTIONS];
    int listener;
    uint64_t started_ms;
    char last[SIMC__CONVERSATION_TEXT_SIZE + 300]; /* the last step that was not good */
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the record ---- */

enum { BY_CLIENT, BY_SERVER, ENDED };

/* Notes bytes, or the end of a connection, in the form of Simc::Proxy: the number of the
 * connection, who, size, bytes. What cannot be written is missed by whoever compares the record. */
static void record(struct driver *driver, unsigned index, bool is_ours, struct simc_slice bytes)
{
    const uint32_t number = htonl(driver->peers[index].number), size = htonl((uint32_t)bytes.size);
    const bool by_server = is_ours == !driver->values->connect;
    const uint8_t who = bytes.size == 0 ? ENDED : by_server ? BY_SERVER : BY_CLIENT;
    uint8_t head[9];
    if (!driver->values->record_file)
        return;
    memcpy(head, &number, 4);
    head[4] = who;
    memcpy(head + 5, &size, 4);
    (void)!fwrite(head, 1, sizeof head, driver->values->record_file);
    if (bytes.size)
        (void)!fwrite(bytes.data, 1, bytes.size, driver->values->record_file);
}

/* ---- sockets ---- */

/* Splits HOST:PORT and looks it up. @return NULL, with a line on standard error. */
static struct addrinfo *look_up(const char *text, bool passive)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = passive ? AI_PASSIVE : 0};
    struct addrinfo *found = NULL;
    char host[256];
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : sizeof host;
    if (size >= sizeof host) {
        fprintf(stderr, "converse: '%s' is no HOST:PORT\n", text);
        return NULL;
    }
    memcpy(host, text, size);
    host[size] = '\0';
    bool brackets = host[0] == '[' && size > 1 && host[size - 1] == ']';
    if (brackets)
        host[size - 1] = '\0';
    int error = getaddrinfo(host + brackets, colon + 1, &hints, &found);
    if (error)
        fprintf(stderr, "converse: cannot look up %s: %s\n", text, gai_strerror(error));
    return error ? NULL : found;
}

static void prepare(int fd)
{
    int yes = 1;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static int start_listening(const char *text)
{
    struct addrinfo *address = look_up(text, true);
    int yes = 1, fd = address ? socket(address->ai_family, SOCK_STREAM, 0) : -1;
    if (fd >= 0) {
        prepare(fd);
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, 16)) {
            fprintf(stderr, "converse: cannot listen on %s: %s\n", text, strerror(errno));
            close(fd);
            fd = -1;
        }
    }
    if (address)
        freeaddrinfo(address);
    return fd;
}

static void ended(struct driver *driver, unsigned index, const char *why)
{
    struct peer *peer = &driver->peers[index];
    record(driver, index, false, simc_slice(NULL, 0));
    close(peer->fd);
    peer->fd = -1;
    simc_buffer_fini(&peer->output);
    simc__conversation_closed(driver->run, index, why, now_ms());
}

static void open_peer(struct driver *driver, unsigned index)
{
    struct peer *peer = &driver->peers[index];
    struct addrinfo *address = look_up(driver->values->connect, false);
    peer->fd = address ? socket(address->ai_family, SOCK_STREAM, 0) : -1;
    peer->number = driver->values->next_number++;
    simc_buffer_init(&peer->output, OUTPUT_MAX);
    if (peer->fd < 0) {
        simc__conversation_closed(driver->run, index, "no socket", now_ms());
    } else {
        prepare(peer->fd);
        peer->connecting = true;
        if (connect(peer->fd, address->ai_addr, address->ai_addrlen) && errno != EINPROGRESS)
            ended(driver, index, strerror(errno));
    }
    if (address)
        freeaddrinfo(address);
}

/* Sends what waits. @return false: the connection has ended. */
static bool flush(struct driver *driver, unsigned index)
{
    struct peer *peer = &driver->peers[index];
    while (peer->output.size) {
        struct simc_slice bytes = simc_buffer_bytes(&peer->output);
        ssize_t sent = send(peer->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (sent < 0)
            return false; /* what the peer had sent before is still to be read: see receive() */
        record(driver, index, true, simc_slice(bytes.data, (size_t)sent));
        simc_buffer_drop(&peer->output, (size_t)sent);
    }
    return true;
}

static void close_peer(struct driver *driver, unsigned index, bool reset)
{
    struct peer *peer = &driver->peers[index];
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    uint8_t unread[4096];
    if (peer->fd < 0) {
        peer->accepting = false;
        return;
    }
    uint64_t until_ms = now_ms() + FLUSH_MS;
    while (!reset && flush(driver, index) && peer->output.size && now_ms() < until_ms) {
        struct pollfd fd = {.fd = peer->fd, .events = POLLOUT};
        (void)poll(&fd, 1, FLUSH_MS);
    }
    /* What was not read would turn an orderly end into a reset. */
    while (!reset && recv(peer->fd, unread, sizeof unread, 0) > 0)
        continue;
    record(driver, index, true, simc_slice(NULL, 0));
    if (reset)
        (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(peer->fd);
    peer->fd = -1;
    peer->connecting = false;
    simc_buffer_fini(&peer->output);
}

static void send_bytes(struct driver *driver, unsigned index, struct simc_slice bytes)
{
    struct peer *peer = &driver->peers[index];
    if (peer->fd < 0)
        return;
    if (simc_buffer_append(&peer->output, bytes)) {
        ended(driver, index, "the equipment does not read what is sent to it");
        return;
    }
    (void)flush(driver, index);
}

/* ---- the loop ---- */

static void act(struct driver *driver, const struct simc__conversation_action *action)
{
    switch (action->type) {
    case SIMC__CONVERSATION_OPEN:
        open_peer(driver, action->connection);
        return;
    case SIMC__CONVERSATION_ACCEPT:
        driver->peers[action->connection].accepting = true;
        return;
    case SIMC__CONVERSATION_CLOSE:
    case SIMC__CONVERSATION_RESET:
        close_peer(driver, action->connection, action->type == SIMC__CONVERSATION_RESET);
        return;
    case SIMC__CONVERSATION_SEND:
        send_bytes(driver, action->connection, action->bytes);
        return;
    case SIMC__CONVERSATION_REQUEST:
        return; /* not answered: there is no session here */
    }
}

static void receive(struct driver *driver, unsigned index)
{
    uint8_t bytes[READ_SIZE];
    ssize_t size = recv(driver->peers[index].fd, bytes, sizeof bytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0) {
        ended(driver, index, strerror(errno));
    } else if (size == 0) {
        ended(driver, index, "in order");
    } else {
        record(driver, index, false, simc_slice(bytes, (size_t)size));
        simc__conversation_feed(driver->run, index, simc_slice(bytes, (size_t)size), now_ms());
    }
}

static void finish_connecting(struct driver *driver, unsigned index)
{
    struct peer *peer = &driver->peers[index];
    int error = 0;
    socklen_t size = sizeof error;
    peer->connecting = false;
    (void)getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        ended(driver, index, strerror(error));
    else
        simc__conversation_opened(driver->run, index, now_ms());
}

static void accept_peer(struct driver *driver)
{
    int fd = accept(driver->listener, NULL, NULL);
    for (unsigned i = 0; fd >= 0 && i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        struct peer *peer = &driver->peers[i];
        if (!peer->accepting)
            continue;
        prepare(fd);
        peer->accepting = false;
        peer->fd = fd;
        peer->number = driver->values->next_number++;
        simc_buffer_init(&peer->output, OUTPUT_MAX);
        simc__conversation_opened(driver->run, i, now_ms());
        return;
    }
    if (fd >= 0)
        close(fd);
}

static void wait_for_peers(struct driver *driver, uint64_t until_ms)
{
    struct pollfd fds[SIMC__CONVERSATION_CONNECTIONS + 1];
    unsigned indexes[SIMC__CONVERSATION_CONNECTIONS + 1];
    bool accepting = false;
    nfds_t count = 0;
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        const struct peer *peer = &driver->peers[i];
        accepting = accepting || peer->accepting;
        if (peer->fd < 0)
            continue;
        bool writes = peer->connecting || peer->output.size;
        fds[count] =
            (struct pollfd){.fd = peer->fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
        indexes[count++] = i;
    }
    if (accepting && driver->listener >= 0) {
        fds[count] = (struct pollfd){.fd = driver->listener, .events = POLLIN};
        indexes[count++] = SIMC__CONVERSATION_CONNECTIONS;
    }
    uint64_t left_ms = simc_deadline_left(until_ms, now_ms());
    if (poll(fds, count, left_ms > 1000 ? 1000 : (int)left_ms) <= 0)
        return;
    for (nfds_t i = 0; i < count; i++) {
        unsigned index = indexes[i];
        if (!fds[i].revents)
            continue;
        if (index == SIMC__CONVERSATION_CONNECTIONS) {
            accept_peer(driver);
        } else if (driver->peers[index].connecting) {
            finish_connecting(driver, index);
        } else {
            if (fds[i].revents & POLLOUT)
                (void)flush(driver, index);
            if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
                receive(driver, index);
        }
    }
}

/* @return false: the time that a file may take was over. */
static bool converse(struct driver *driver)
{
    uint64_t limit_ms = now_ms() + driver->values->limit_s * 1000;
    while (!simc__conversation_is_over(driver->run)) {
        struct simc__conversation_action action;
        while (simc__conversation_next_action(driver->run, now_ms(), &action))
            act(driver, &action);
        if (simc__conversation_is_over(driver->run))
            break;
        if (now_ms() >= limit_ms)
            return false;
        wait_for_peers(driver,
                       simc_deadline_first(simc__conversation_deadline_ms(driver->run), limit_ms));
    }
    return true;
}

/* ---- files ---- */

static void report(void *context, const struct simc__conversation_step *step)
{
    struct driver *driver = context;
    if (step->verdict != SIMC__CONVERSATION_PASS)
        snprintf(driver->last, sizeof driver->last, "%s:%u: %s", step->file, step->line,
                 step->text);
    if (driver->values->verbose ||
        (step->verdict != SIMC__CONVERSATION_PASS && step->verdict != SIMC__CONVERSATION_SKIP))
        fprintf(driver->values->out, "# %s %s:%u: %s [%llu ms]\n",
                simc__conversation_verdict_name(step->verdict), step->file, step->line, step->text,
                (unsigned long long)(now_ms() - driver->started_ms));
}

static int read_included(void *context, const char *from, const char *path,
                         struct simc_buffer *text, char name[256], char why[256])
{
    const char *slash = strrchr(from, '/');
    char whole[SIMC__FILE_WHY_SIZE];
    (void)context;
    int length = path[0] == '/' || !slash
                     ? snprintf(name, 256, "%s", path)
                     : snprintf(name, 256, "%.*s/%s", (int)(slash - from), from, path);
    if (length >= 256) {
        snprintf(why, 256, "the path is too long");
        return SIMC_ETOOLONG;
    }
    int error = simc__file_read(name, text, whole);
    if (error)
        snprintf(why, 256, "%.250s", whole);
    return error;
}

static int read_conversation(FILE *out, const char *path, struct simc__conversation **conversation)
{
    const struct simc__conversation_files files = {.read = read_included};
    struct simc__conversation_fault fault;
    struct simc_buffer text;
    char why[SIMC__FILE_WHY_SIZE];
    simc_buffer_init(&text, 1 << 20);
    int error = simc__file_read(path, &text, why);
    if (error) {
        fprintf(out, "# %s\n", why);
    } else {
        error =
            simc__conversation_new(path, simc_buffer_bytes(&text), &files, conversation, &fault);
        if (error)
            fprintf(out, "# %s:%u:%u: %s\n", fault.file, fault.line, fault.column, fault.text);
    }
    simc_buffer_fini(&text);
    return error;
}

/* Sets name=value; what the file does not have is for other files. */
static int set_all(struct driver *driver)
{
    for (size_t i = 0; i < driver->values->set.count; i++) {
        const char *text = driver->values->set.items[i], *sign = strchr(text, '=');
        char name[128];
        if (!sign || (size_t)(sign - text) >= sizeof name) {
            fprintf(stderr, "converse: '%s' is no NAME=VALUE\n", text);
            return SIMC_ESYNTAX;
        }
        memcpy(name, text, (size_t)(sign - text));
        name[sign - text] = '\0';
        int error = simc__conversation_set(driver->run, name, sign + 1);
        if (error && error != SIMC_ENOTFOUND)
            return error;
    }
    return 0;
}

static void print_result(const struct driver *driver, unsigned number,
                         const struct simc__conversation_head *head,
                         enum simc__conversation_verdict verdict)
{
    FILE *out = driver->values->out;
    bool good = verdict == SIMC__CONVERSATION_PASS || verdict == SIMC__CONVERSATION_SKIP ||
                (verdict == SIMC__CONVERSATION_WARN && !driver->values->strict);
    fprintf(out, "%s %u - %s %s", good ? "ok" : "not ok", number, head->id, head->title);
    if (verdict == SIMC__CONVERSATION_SKIP)
        fprintf(out, " # SKIP %s", driver->last);
    else if (verdict == SIMC__CONVERSATION_WARN)
        fprintf(out, " (warning)");
    fprintf(out, "\n");
    fflush(out);
}

static void release(struct driver *driver, struct simc__conversation *conversation)
{
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++)
        close_peer(driver, i, false);
    if (driver->listener >= 0)
        close(driver->listener);
    simc__conversation_run_free(driver->run);
    simc__conversation_free(conversation);
    simc_free(driver);
}

/* @return true when the file is good. */
static bool run_file(struct values *values, const char *path, unsigned number)
{
    struct driver *driver = simc_calloc(1, sizeof *driver);
    struct simc__conversation *conversation = NULL;
    if (!driver || read_conversation(values->out, path, &conversation)) {
        fprintf(values->out, "not ok %u - %s\n", number, path);
        simc_free(driver);
        return false;
    }
    driver->values = values;
    driver->listener = -1;
    driver->started_ms = now_ms();
    for (size_t i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++)
        driver->peers[i].fd = -1;
    const struct simc__conversation_head *head = simc__conversation_head(conversation);
    enum simc__conversation_verdict verdict = SIMC__CONVERSATION_BROKEN;
    const char *address = head->server_under_test ? values->connect : values->listen;
    if (head->asks_session || !address) {
        snprintf(driver->last, sizeof driver->last,
                 head->asks_session ? "it asks a session in memory"
                                    : "the other side is under test");
        verdict = SIMC__CONVERSATION_SKIP;
    } else if (simc__conversation_run_new(conversation, report, driver, now_ms(), &driver->run) ==
                   0 &&
               set_all(driver) == 0) {
        if (!head->server_under_test)
            driver->listener = start_listening(address);
        if (driver->listener >= 0 && values->verbose)
            fprintf(values->out, "# listens on %s\n", address);
        if (converse(driver))
            verdict = simc__conversation_verdict(driver->run);
        else
            fprintf(values->out, "# broken %s: it takes longer than %llu s\n", path,
                    (unsigned long long)values->limit_s);
    }
    print_result(driver, number, head, verdict);
    release(driver, conversation);
    return verdict != SIMC__CONVERSATION_FAIL && verdict != SIMC__CONVERSATION_BROKEN &&
           !(values->strict && verdict == SIMC__CONVERSATION_WARN);
}

static bool run_files(struct values *values, const char *const *files, size_t count)
{
    bool good = true;
    /* Whoever runs several at once follows them line by line. */
    (void)setvbuf(values->out, NULL, _IOLBF, 0);
    if (values->record && !(values->record_file = fopen(values->record, "ab"))) {
        fprintf(stderr, "converse: cannot write %s: %s\n", values->record, strerror(errno));
        return false;
    }
    fprintf(values->out, "1..%zu\n", count);
    for (size_t i = 0; i < count; i++)
        good = run_file(values, files[i], (unsigned)i + 1) && good;
    if (values->record_file)
        (void)fclose(values->record_file);
    return good;
}

/* ---- many at once ---- */

/* A line of --jobs: what is written to, --listen, --record, the file, and NAME=VALUE as often as
 * wanted, with tabs between them. Each has a thread of its own. */
struct job {
    pthread_t thread;
    struct values values;
    const char *fields[JOB_FIELDS_MAX], *path;
    bool is_good;
};

static void *run_job(void *context)
{
    struct job *job = context;
    job->is_good = run_files(&job->values, &job->path, 1);
    (void)fclose(job->values.out);
    return NULL;
}

/* The next piece of a text that is cut up; NULL behind the last one. */
static char *cut(char **at, char separator)
{
    char *piece = *at, *end = piece ? strchr(piece, separator) : NULL;
    if (end)
        *end = '\0';
    *at = end ? end + 1 : NULL;
    return piece;
}

static int begin_job(struct job *job, const struct values *common, char *line)
{
    enum { OUT, LISTEN, RECORD, PATH, SETS };
    pthread_attr_t attributes;
    size_t count = 0;
    for (char *field = cut(&line, '\t'); field && count < JOB_FIELDS_MAX; field = cut(&line, '\t'))
        job->fields[count++] = field;
    if (count < SETS)
        return SIMC_ESYNTAX;
    job->values = *common;
    job->values.listen = job->fields[LISTEN];
    job->values.record = job->fields[RECORD];
    for (size_t i = SETS; i < count; i++)
        job->values.set.items[job->values.set.count++] = job->fields[i];
    job->path = job->fields[PATH];
    job->values.out = fopen(job->fields[OUT], "w");
    if (!job->values.out)
        return SIMC_EIO;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, JOB_STACK_SIZE);
    int error = pthread_create(&job->thread, &attributes, run_job, job);
    (void)pthread_attr_destroy(&attributes);
    if (error)
        (void)fclose(job->values.out);
    return error ? SIMC_EIO : 0;
}

static int run_jobs(const struct values *values)
{
    static struct job jobs[JOBS_MAX];
    size_t count = 0;
    bool good = true;
    char why[SIMC__FILE_WHY_SIZE];
    struct simc_buffer text;
    simc_buffer_init(&text, 1 << 20);
    int error = simc__file_read(values->jobs, &text, why);
    struct simc_slice bytes = simc_buffer_bytes(&text);
    char *lines = simc_calloc(bytes.size + 1, 1);
    if (error || !lines) {
        fprintf(stderr, "converse: %s\n", error ? why : "no memory");
        simc_buffer_fini(&text);
        simc_free(lines);
        return 1;
    }
    if (bytes.size)
        memcpy(lines, bytes.data, bytes.size);
    simc_buffer_fini(&text);
    char *rest = lines;
    for (char *line = cut(&rest, '\n'); line && *line && count < JOBS_MAX && !error;
         line = cut(&rest, '\n')) {
        error = begin_job(&jobs[count], values, line);
        if (error)
            fprintf(stderr, "converse: a line of %s cannot be run\n", values->jobs);
        else
            count++;
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(jobs[i].thread, NULL);
        good = good && jobs[i].is_good;
    }
    simc_free(lines);
    return good && !error ? 0 : 1;
}

static int run(const void *given, const struct simc__operands *operands)
{
    struct values values = *(const struct values *)given;
    values.out = stdout;
    if (values.jobs)
        return run_jobs(&values);
    if (operands->count == 0) {
        fprintf(stderr, "converse: give a FILE or --jobs\n");
        return 2;
    }
    return run_files(&values, operands->items, operands->count) ? 0 : 1;
}

static const struct simc__option options[] = {
    {.name = "connect",
     .letter = 'c',
     .type = SIMC__OPTION_TEXT,
     .argument = "HOST:PORT",
     .offset = offsetof(struct values, connect),
     .help = "where the equipment listens, for files whose role is a server"},
    {.name = "listen",
     .letter = 'l',
     .type = SIMC__OPTION_TEXT,
     .argument = "HOST:PORT",
     .offset = offsetof(struct values, listen),
     .help = "where the equipment will connect to, for files whose role is a client"},
    {.name = "set",
     .letter = 's',
     .type = SIMC__OPTION_TEXTS,
     .argument = "NAME=VALUE",
     .offset = offsetof(struct values, set),
     .help = "set a parameter of the files"},
    {.name = "record",
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, record),
     .help = "append all bytes of all connections to FILE"},
    {.name = "jobs",
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, jobs),
     .help = "run all lines of FILE at once: output, --listen, --record, file, NAME=VALUE..., with "
             "tabs between them"},
    {.name = "limit",
     .type = SIMC__OPTION_UINT,
     .argument = "SECONDS",
     .min = 1,
     .max = RUN_MAX_MS / 1000,
     .fallback = "60",
     .offset = offsetof(struct values, limit_s),
     .help = "most seconds that a file may take"},
    {.name = "verbose",
     .letter = 'v',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, verbose),
     .help = "tell each step"},
    {.name = "strict",
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, strict),
     .help = "warnings are failures"},
};

static const struct simc__command command = {
    .name = "converse",
    .summary = "run conversation files over TCP and print TAP",
    .description = "The language of the files is in docs/conversations.md.",
    .operands = "FILE...",
    .operand_min = 0,
    .operand_max = 1000,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .values_size = sizeof(struct values),
    .run = run,
};

int main(int argc, char **argv)
{
    struct simc__operands operands;
    struct values values;
    char why[SIMC__OPTIONS_WHY_SIZE], text[4096];
    struct simc_writer out = simc_writer(text, sizeof text);
    switch (simc__options_read(&command, argc - 1, argv + 1, &values, &operands, why)) {
    case SIMC__OPTIONS_RUN:
        return run(&values, &operands);
    case SIMC__OPTIONS_HELP:
        simc__options_help("tests/support", &command, &out);
        printf("%.*s", (int)out.at, text);
        return 0;
    case SIMC__OPTIONS_BAD:
        break;
    }
    fprintf(stderr, "converse: %s\n", why);
    return 2;
}
