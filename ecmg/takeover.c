/* SPDX-License-Identifier: BSL-1.0 */
/* An SCS that was cut off and comes back takes its channel over, also when the end of its old
 * connection has not been read so far. The old one may belong to another worker, which is asked
 * then. connection.c calls it where a channel is open already. */
#include "ecmg/internal.h"

enum { NS_PER_MS = 1000000 };

/* Goes to the worker of the old connection, and back as its answer. */
struct simc__ecmg_question {
    struct simc__ecmg *ecmg;
    size_t asker_worker;
    uint64_t asker, owner; /* own_scope of the connections */
    uint64_t host, names;
    bool is_answered;
};

static size_t worker_of(uint64_t own_scope)
{
    return (size_t)(own_scope >> 1) % SIMC__ECMG_WORKERS_MAX;
}

static struct simc__ecmg_connection *find(const struct simc__ecmg *ecmg, uint64_t own_scope)
{
    struct simc__ecmg_connection *connection = ecmg->workers[worker_of(own_scope)].connections;
    while (connection && connection->own_scope != own_scope)
        connection = connection->next;
    return connection;
}

static uint64_t now_ms_of(const struct simc__ecmg *ecmg)
{
    return ecmg->environment.monotonic_ns(ecmg->environment.context) / NS_PER_MS;
}

static void flush(const struct simc__ecmg *ecmg, void *owner)
{
    if (ecmg->environment.flush)
        ecmg->environment.flush(ecmg->environment.context, owner);
}

/* The old connection closes its channel when its peer has ended it, or may be pushed out. */
static void give_way(struct simc__ecmg_connection *old, uint64_t host, uint64_t names)
{
    const struct simc__ecmg *ecmg = old->worker->ecmg;
    const struct simc__ecmg_environment *environment = &ecmg->environment;
    if (!old->system)
        return;
    bool may_push = ecmg->conf->takeover == SIMC__ECMG_TAKEOVER_SAME_PEER && old->scope == host &&
                    old->names == names;
    if (!may_push &&
        !(environment->is_ended && environment->is_ended(environment->context, old->owner)))
        return;
    simc_log(old->worker->log, SIMC_LOG_INFO, "channel taken over",
             simc_log_text("peer", old->address), simc_log_uint("channel", old->channel.value),
             simc_log_text("why", "its SCS has come back on another connection"));
    void *owner = old->owner;
    simc__ecmg_connection_drain(old, now_ms_of(ecmg));
    flush(ecmg, owner);
}

bool simc__ecmg_take_over(struct simc__ecmg_connection *connection)
{
    struct simc__ecmg *ecmg = connection->worker->ecmg;
    uint64_t owner = simc__ecmg_register_owner(&ecmg->ids, &connection->channel);
    if (owner == 0 || owner == connection->own_scope)
        return false;
    if (worker_of(owner) == connection->worker->index) {
        struct simc__ecmg_connection *old = find(ecmg, owner);
        if (old)
            give_way(old, connection->scope, connection->names);
        return false;
    }
    struct simc__ecmg_question *question =
        ecmg->environment.ask ? simc_alloc(sizeof *question) : NULL;
    if (!question)
        return false;
    *question = (struct simc__ecmg_question){.ecmg = ecmg,
                                             .asker_worker = connection->worker->index,
                                             .asker = connection->own_scope,
                                             .owner = owner,
                                             .host = connection->scope,
                                             .names = connection->names};
    if (ecmg->environment.ask(ecmg->environment.context, worker_of(owner), question) == 0)
        return true;
    simc_free(question);
    return false;
}

/* In the thread of the old connection. */
static void answer(struct simc__ecmg_question *question)
{
    const struct simc__ecmg *ecmg = question->ecmg;
    struct simc__ecmg_connection *old = find(ecmg, question->owner);
    if (old)
        give_way(old, question->host, question->names);
    question->is_answered = true;
    /* Where it cannot go back the service ends, or memory does: then `timers.setup` ends the
     * connection that waits. */
    if (ecmg->environment.ask(ecmg->environment.context, question->asker_worker, question))
        simc_free(question);
}

void simc__ecmg_question_run(struct simc__ecmg_question *question)
{
    const struct simc__ecmg *ecmg = question->ecmg;
    if (!question->is_answered) {
        answer(question);
        return;
    }
    struct simc__ecmg_connection *asker = find(ecmg, question->asker);
    simc_free(question);
    if (!asker || !asker->is_waiting)
        return;
    void *owner = asker->owner;
    simc__ecmg_connection_resume(asker, now_ms_of(ecmg));
    flush(ecmg, owner);
}
