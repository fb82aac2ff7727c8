/* SPDX-License-Identifier: BSL-1.0 */
/* CA profile 1 behind the interface of plug-ins: access criteria to package, package to key, key to
 * ECM. Each worker keeps makers of its own, so threads share nothing but the keys. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cas/key_source.h"
#include "ecmg/internal.h"
#include "keys/keys.h"
#include "simulcrypt/cas.h"

enum { BUCKETS = 256, ALARM_PERIOD_S = 60, KEY_ALARM_PERIOD = 1 << 24 };

#define KEY_ALARM_COUNT (UINT64_C(1) << 31)

/* What a package has in a worker: the key in force, and the maker for it. */
struct package {
    uint32_t number;
    uint64_t generation;          /* of the key source, when `key` was found; 0: never */
    struct simc__package_key key; /* without its bytes, which the maker has */
    struct simc_ecm_maker *maker;
    uint64_t alarm_s; /* of the last line that said that it has expired */
    struct package *next;
};

struct simc__ecmg_profile1 {
    const struct simc_ecm_host *host;
    struct simc__key_store *store;
    struct simc__keys *next_keys; /* read for a reload, not used yet */
    struct simc__key_source source;
    bool has_default_package;
    uint32_t default_package;
    uint32_t lowest_epoch;
    bool long_sections;
    enum simc__ecmg_expired expired;
};

struct worker {
    struct simc__ecmg_profile1 *profile;
    struct package *buckets[BUCKETS];
};

struct stream {
    struct worker *worker;
    uint32_t super_cas_id;
    uint16_t ecm_id;
    bool has_looked; /* at the access criteria in force */
    struct simc_access_criteria criteria;
    struct package *package;
};

/* ---- the system ---- */

/* The most bytes that ECMs of a configuration take with control words of a size. */
static size_t largest_section(const struct simc__ecmg_system_conf *conf, size_t cw_size)
{
    const struct simc_access_criteria criteria = {.package = UINT32_MAX};
    size_t ahead = (size_t)conf->lead_cw + 1;
    size_t count = ahead > conf->cw_per_msg ? ahead : conf->cw_per_msg;
    return simc_ecm_size_max(&criteria, count, cw_size, conf->lowest_epoch);
}

static int check_sizes(const struct simc__ecmg_system_conf *conf,
                       char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    size_t room = conf->long_sections ? SIMC_ECM_SECTION_MAX : SIMC_ECM_PACKET_SECTION_MAX;
    size_t size = largest_section(conf, 8);
    if (size && size <= room)
        return 0;
    snprintf(why, SIMC_ECM_PLUGIN_WHY_SIZE,
             "an ECM with the control words of lead_cw %u and cw_per_msg %u takes up to %zu bytes, "
             "and %zu fit; lower them%s",
             conf->lead_cw, conf->cw_per_msg, size, room,
             conf->long_sections ? "" : ", or set long_sections");
    return SIMC_EINVAL;
}

/* All faults of a key file in a sentence: the first one, and how many more there are. */
static int open_keys(const char *path, struct simc__keys **keys, char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    struct simc__conf_faults faults;
    int error = simc__keys_open(path, keys, &faults);
    if (!error || faults.count == 0)
        return error;
    const struct simc__conf_fault *first = &faults.items[0];
    struct simc_writer out = simc_writer(why, SIMC_ECM_PLUGIN_WHY_SIZE - 1);
    if (first->line)
        simc__text_printf(&out, "%s:%u:%u: %s%s%s", path, first->line, first->column, first->where,
                          first->where[0] ? ": " : "", first->why);
    else
        simc__text_printf(&out, "%s: %s", path, first->why);
    if (faults.total > 1)
        simc__text_printf(&out, " (and %zu more; `simulcrypt keys check` shows them)",
                          faults.total - 1);
    why[out.at < SIMC_ECM_PLUGIN_WHY_SIZE ? out.at : SIMC_ECM_PLUGIN_WHY_SIZE - 1] = '\0';
    return error;
}

int simc__ecmg_profile1_check(const struct simc__ecmg_system_conf *conf,
                              char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    struct simc__keys *keys = NULL;
    int error = check_sizes(conf, why);
    if (!error)
        error = open_keys(conf->key_file, &keys, why);
    simc__keys_free(keys);
    return error;
}

/* Control words of 16 bytes are known only when an SCS sends them: better said at the start. */
static void warn_of_long_words(const struct simc__ecmg_profile1 *profile,
                               const struct simc__ecmg_system_conf *conf)
{
    size_t room = conf->long_sections ? SIMC_ECM_SECTION_MAX : SIMC_ECM_PACKET_SECTION_MAX;
    size_t size = largest_section(conf, 16);
    char line[192];
    if (size && size <= room)
        return;
    snprintf(line, sizeof line,
             "control words of 16 bytes (CISSA) will not fit: ECMs would take up to %zu bytes, and "
             "%zu are allowed; lower lead_cw and cw_per_msg%s",
             size, room, conf->long_sections ? "" : ", or set long_sections");
    profile->host->log(profile->host, SIMC_LOG_NOTICE, line);
}

static void use(struct simc__ecmg_profile1 *profile, struct simc__keys *keys,
                const struct simc__ecmg_system_conf *conf)
{
    if (!simc__keys_is_locked(keys))
        profile->host->log(profile->host, SIMC_LOG_WARNING,
                           "the system does not lock the memory of the keys, so they may reach the "
                           "swap space; raise RLIMIT_MEMLOCK (LimitMEMLOCK= in the unit)");
    warn_of_long_words(profile, conf);
    simc__key_store_take(profile->store, keys);
    profile->has_default_package = conf->has_default_package;
    profile->default_package = conf->default_package;
    profile->lowest_epoch = conf->lowest_epoch;
    profile->long_sections = conf->long_sections;
    profile->expired = conf->expired;
}

int simc__ecmg_profile1_open(struct simc__ecmg_system *system, char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    struct simc__keys *keys = NULL;
    int error = check_sizes(system->conf, why);
    if (!error)
        error = open_keys(system->conf->key_file, &keys, why);
    if (error)
        return error;
    struct simc__ecmg_profile1 *profile = simc_calloc(1, sizeof *profile);
    if (profile)
        profile->store = simc__key_store_new();
    if (!profile || !profile->store) {
        simc_free(profile);
        simc__keys_free(keys);
        return SIMC_ENOMEM;
    }
    profile->host = &system->host;
    profile->source = simc__key_store_source(profile->store);
    use(profile, keys, system->conf);
    system->state = profile;
    return 0;
}

int simc__ecmg_profile1_prepare(struct simc__ecmg_profile1 *profile,
                                const struct simc__ecmg_system_conf *conf,
                                char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    int error = check_sizes(conf, why);
    return error ? error : open_keys(conf->key_file, &profile->next_keys, why);
}

/* A line of the log for each package whose keys have changed. */
static void log_differences(const struct simc__ecmg_profile1 *profile)
{
    char text[4096];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__keys_difference_put(&out, simc__key_store_keys(profile->store), profile->next_keys);
    text[out.at < sizeof text ? out.at : sizeof text - 1] = '\0';
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        profile->host->log(profile->host, SIMC_LOG_NOTICE, line);
    }
}

void simc__ecmg_profile1_commit(struct simc__ecmg_profile1 *profile,
                                const struct simc__ecmg_system_conf *conf)
{
    log_differences(profile);
    use(profile, profile->next_keys, conf);
    profile->next_keys = NULL;
}

void simc__ecmg_profile1_cancel(struct simc__ecmg_profile1 *profile)
{
    simc__keys_free(profile->next_keys);
    profile->next_keys = NULL;
}

const struct simc__keys *simc__ecmg_profile1_keys(const struct simc__ecmg_profile1 *profile)
{
    return simc__key_store_keys(profile->store);
}

static void system_close(void *system)
{
    struct simc__ecmg_profile1 *profile = system;
    simc__key_store_free(profile->store);
    simc__keys_free(profile->next_keys);
    simc_free(profile);
}

/* ---- workers and their packages ---- */

static int worker_open(void *system, void **out)
{
    struct worker *worker = simc_calloc(1, sizeof *worker);
    if (!worker)
        return SIMC_ENOMEM;
    worker->profile = system;
    *out = worker;
    return 0;
}

static void worker_close(void *context)
{
    struct worker *worker = context;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (worker->buckets[i]) {
            struct package *next = worker->buckets[i]->next;
            simc_ecm_maker_free(worker->buckets[i]->maker);
            simc_free(worker->buckets[i]);
            worker->buckets[i] = next;
        }
    }
    simc_free(worker);
}

static struct package *package_of(struct worker *worker, uint32_t number)
{
    struct package **bucket = &worker->buckets[(number ^ number >> 8 ^ number >> 16) % BUCKETS];
    struct package *package = *bucket;
    while (package && package->number != number)
        package = package->next;
    if (package)
        return package;
    package = simc_calloc(1, sizeof *package);
    if (package) {
        package->number = number;
        package->next = *bucket;
        *bucket = package;
    }
    return package;
}

/* ---- refusals ---- */

static int refuse(struct simc_ecm_answer *answer, int error, uint16_t status, uint16_t blame,
                  const char *format, ...) SIMC_PRINTF(5, 6);

static int refuse(struct simc_ecm_answer *answer, int error, uint16_t status, uint16_t blame,
                  const char *format, ...)
{
    va_list arguments;
    answer->status = status;
    answer->blame = blame;
    va_start(arguments, format);
    vsnprintf(answer->why, sizeof answer->why, format, arguments);
    va_end(arguments);
    return error;
}

/* ---- from package to maker ---- */

/* Says once a minute that a key should have been replaced. */
static void alarm_expired(const struct worker *worker, struct package *package, uint64_t time_s)
{
    char line[128];
    if (package->alarm_s && time_s - package->alarm_s < ALARM_PERIOD_S)
        return;
    package->alarm_s = time_s;
    snprintf(line, sizeof line,
             "all keys of package %u have expired; version %u goes on being used: rotate the key",
             (unsigned)package->number, (unsigned)package->key.version);
    worker->profile->host->log(worker->profile->host, SIMC_LOG_ERROR, line);
}

/* A key is good for 2^32 messages of all ECMGs that share it; nobody counts them together. */
static void alarm_worn(const struct worker *worker, const struct package *package, uint64_t count)
{
    char line[160];
    snprintf(line, sizeof line,
             "%llu ECMs were made here with version %u of the key of package %u: rotate it before "
             "all ECMGs together come to 2^32",
             (unsigned long long)count, (unsigned)package->key.version, (unsigned)package->number);
    worker->profile->host->log(worker->profile->host, SIMC_LOG_ERROR, line);
}

static int make_maker(struct package *package, struct simc_ecm_answer *answer)
{
    const struct simc_ecm_maker_config config = {
        .key = &package->key.key,
        .package = package->number,
        .key_version = package->key.version,
    };
    struct simc_ecm_maker *maker = NULL;
    int error = simc_ecm_maker_new(&config, &maker);
    if (error)
        return refuse(answer, error, SIMC_ECMG_STATUS_OUT_OF_COMPUTATIONAL_RESOURCES, 0,
                      "the key of package %u cannot be used: %s", (unsigned)package->number,
                      simc_error_text(error));
    simc_ecm_maker_free(package->maker);
    package->maker = maker;
    return 0;
}

/* Looks the key up again, and makes a new maker when it is another one. */
static int refresh(struct worker *worker, struct package *package, uint64_t time_s,
                   struct simc_ecm_answer *answer)
{
    const struct simc__key_source *source = &worker->profile->source;
    struct simc__package_key *key = &package->key;
    uint32_t old_version = key->version;
    uint64_t generation = source->generation(source->context);
    bool is_same_file = package->generation == generation;

    package->generation = 0;
    int error = source->find(source->context, package->number, time_s, key);
    if (error == SIMC_EAGAIN)
        return refuse(answer, error, SIMC_ECMG_STATUS_INVALID_VALUE,
                      SIMC_ECMG_PARAM_ACCESS_CRITERIA,
                      "all keys of package %u begin in the future; look at the clock, or issue a "
                      "key that is valid now",
                      (unsigned)package->number);
    if (error)
        return refuse(answer, error, SIMC_ECMG_STATUS_INVALID_VALUE,
                      SIMC_ECMG_PARAM_ACCESS_CRITERIA,
                      "the access criteria name package %u, which has no key in the key file",
                      (unsigned)package->number);
    /* The bytes of a version may differ in another file. */
    if (!package->maker || !is_same_file || key->version != old_version)
        error = make_maker(package, answer);
    simc_secret_wipe(&key->key);
    /* The one before the question: when the keys changed since, they are looked up once more. */
    if (!error)
        package->generation = generation;
    return error;
}

static int prepare_package(struct worker *worker, struct package *package, uint64_t time_s,
                           struct simc_ecm_answer *answer)
{
    bool is_fresh = simc__package_key_is_fresh(&package->key, package->generation,
                                               &worker->profile->source, time_s);
    int error = is_fresh ? 0 : refresh(worker, package, time_s, answer);
    if (error || package->key.standing != SIMC__KEY_EXPIRED)
        return error;
    if (worker->profile->expired == SIMC__ECMG_EXPIRED_REFUSE)
        return refuse(answer, SIMC_ENOTFOUND, SIMC_ECMG_STATUS_UNKNOWN_ERROR, 0,
                      "all keys of package %u have expired; rotate the key",
                      (unsigned)package->number);
    alarm_expired(worker, package, time_s);
    return 0;
}

/* ---- streams ---- */

static int stream_open(void *worker, const struct simc_ecm_stream *about, void **state,
                       struct simc_ecm_answer *answer)
{
    struct stream *stream = simc_calloc(1, sizeof *stream);
    if (!stream)
        return refuse(answer, SIMC_ENOMEM, SIMC_ECMG_STATUS_OUT_OF_STORAGE, 0, "no memory");
    stream->worker = worker;
    stream->super_cas_id = about->super_cas_id;
    stream->ecm_id = about->ecm_id;
    *state = stream;
    return 0;
}

static void stream_close(void *state)
{
    simc_free(state);
}

static int read_criteria(struct stream *stream, const struct simc_ecmg_provision *provision,
                         struct simc_ecm_answer *answer)
{
    const struct simc__ecmg_profile1 *profile = stream->worker->profile;
    struct simc_cas_fault fault;
    if (!provision->has_access_criteria || provision->access_criteria.size == 0) {
        if (profile->has_default_package) {
            memset(&stream->criteria, 0, sizeof stream->criteria);
            stream->criteria.package = profile->default_package;
            return 0;
        }
        return refuse(answer, SIMC_ENOTFOUND,
                      provision->has_access_criteria ? SIMC_ECMG_STATUS_INVALID_VALUE
                                                     : SIMC_ECMG_STATUS_MISSING_PARAMETER,
                      SIMC_ECMG_PARAM_ACCESS_CRITERIA,
                      "the SCS sends no access criteria; give it those of `simulcrypt keys ac`, or "
                      "set default_package");
    }
    int error = simc_access_criteria_read(provision->access_criteria, &stream->criteria, &fault);
    if (error)
        return refuse(answer, error, SIMC_ECMG_STATUS_INVALID_VALUE,
                      SIMC_ECMG_PARAM_ACCESS_CRITERIA, "the access criteria cannot be used: %s",
                      fault.text);
    return 0;
}

/* Looks at the access criteria when they are new, and finds their package. */
static int prepare_stream(struct stream *stream, const struct simc_ecmg_provision *provision,
                          struct simc_ecm_answer *answer)
{
    bool is_default = !provision->has_access_criteria || provision->access_criteria.size == 0;
    if (stream->has_looked && !provision->access_criteria_changed && !is_default)
        return 0;
    stream->has_looked = false;
    int error = read_criteria(stream, provision, answer);
    if (error)
        return error;
    stream->package = package_of(stream->worker, stream->criteria.package);
    if (!stream->package)
        return refuse(answer, SIMC_ENOMEM, SIMC_ECMG_STATUS_OUT_OF_STORAGE, 0, "no memory");
    stream->has_looked = true;
    return 0;
}

static int ecm_make(void *state, const struct simc_ecm_request *request,
                    struct simc_ecm_answer *answer)
{
    struct stream *stream = state;
    const struct simc_ecmg_provision *provision = request->provision;
    struct simc_ecm_cw cws[SIMC_ECM_CWS_MAX];
    struct simc_cas_fault fault;

    int error = prepare_stream(stream, provision, answer);
    if (!error)
        error = prepare_package(stream->worker, stream->package, request->time_s, answer);
    if (error)
        return error;
    struct simc_ecm_input input = {
        .super_cas_id = stream->super_cas_id,
        .ecm_id = stream->ecm_id,
        .cp_number = provision->cp_number,
        .issued_s = (uint32_t)request->time_s,
        .lowest_epoch = stream->worker->profile->lowest_epoch,
        .cws = cws,
        .cw_count = provision->cw_count,
        .long_section = stream->worker->profile->long_sections,
    };
    simc_ecm_input_criteria(&input, &stream->criteria);
    for (size_t i = 0; i < provision->cw_count && i < SIMC_ECM_CWS_MAX; i++)
        cws[i] = (struct simc_ecm_cw){provision->cws[i].cp_number, &provision->cws[i].cw};
    struct simc_writer out = simc_writer(answer->section, SIMC_ECM_PLUGIN_DATAGRAM_MAX);
    error = simc_ecm_make(stream->package->maker, &input, &out, &fault);
    if (error)
        return refuse(answer, error, SIMC_ECMG_STATUS_UNKNOWN_ERROR, 0, "%s", fault.text);
    answer->size = out.at;
    /* Half of the 2^32 messages that a key is good for, and then now and again. */
    uint64_t count = simc_ecm_maker_count(stream->package->maker);
    if (SIMC_UNLIKELY(count >= KEY_ALARM_COUNT && count % KEY_ALARM_PERIOD == 0))
        alarm_worn(stream->worker, stream->package, count);
    return 0;
}

const struct simc_ecm_plugin simc__ecmg_profile1 = {
    .abi = SIMC_ECM_PLUGIN_ABI,
    .name = "profile1",
    .version = "1",
    .system_close = system_close,
    .worker_open = worker_open,
    .worker_close = worker_close,
    .stream_open = stream_open,
    .ecm_make = ecm_make,
    .stream_close = stream_close,
};
