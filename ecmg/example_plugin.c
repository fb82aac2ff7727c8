/* SPDX-License-Identifier: BSL-1.0 */
/* An example of a CA system for ecmgd: TEST ECMs IN THE CLEAR. Everybody who receives such a stream
 * can read its control words; never use it for anything but tests of equipment. docs/ecm-plugin.md
 * walks through this file.
 *
 * An ECM is a short section: table_id 0x80 or 0x81 by the parity of the crypto period, then
 *
 *     "CLEAR TEST ECM "  15 bytes
 *     label size         1 byte, then the label of the setting `label`
 *     count              1 byte, then for each control word
 *       CP_number        2 bytes
 *       size             1 byte, then the control word
 */
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/ecm_plugin.h"

enum { LABEL_MAX = 32, HEADER_SIZE = 3, SECTION_MAX = 4093 };

static const char mark[] = "CLEAR TEST ECM ";

struct clear_system {
    const struct simc_ecm_host *host;
    char label[LABEL_MAX + 1];
};

/* Takes all settings or none, so that a failed reload changes nothing. */
static int settings_take(struct clear_system *system, const struct simc_ecm_setting *settings,
                         size_t count, char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    const char *label = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(settings[i].name, "label") != 0 || strlen(settings[i].value) > LABEL_MAX) {
            static const char sentence[] =
                "the example plug-in has one setting, label=TEXT with at most 32 characters";
            memcpy(why, sentence, sizeof sentence);
            return SIMC_EINVAL;
        }
        label = settings[i].value;
    }
    memset(system->label, 0, sizeof system->label);
    memcpy(system->label, label, strlen(label));
    return 0;
}

static int system_open(const struct simc_ecm_host *host, const struct simc_ecm_setting *settings,
                       size_t count, void **out, char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    struct clear_system *system = calloc(1, sizeof *system);
    if (!system)
        return SIMC_ENOMEM;
    system->host = host;
    int error = settings_take(system, settings, count, why);
    if (error) {
        free(system);
        return error;
    }
    host->log(host, SIMC_LOG_WARNING,
              "TEST ECMs IN THE CLEAR: this CA system protects nothing; for laboratories only");
    *out = system;
    return 0;
}

static int system_reload(void *system, const struct simc_ecm_setting *settings, size_t count,
                         char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    return settings_take(system, settings, count, why);
}

static void system_close(void *system)
{
    free(system);
}

/* A worker of this system has nothing of its own: it is the system. */
static int worker_open(void *system, void **worker)
{
    *worker = system;
    return 0;
}

static void worker_close(void *worker)
{
    (void)worker;
}

static int stream_open(void *worker, const struct simc_ecm_stream *stream, void **state,
                       struct simc_ecm_answer *answer)
{
    (void)stream;
    (void)answer;
    *state = worker;
    return 0;
}

static int ecm_make(void *state, const struct simc_ecm_request *request,
                    struct simc_ecm_answer *answer)
{
    const struct clear_system *system = state;
    const struct simc_ecmg_provision *provision = request->provision;
    struct simc_writer out = simc_writer(answer->section, SECTION_MAX);

    simc_writer_u8(&out, provision->cp_number & 1 ? 0x81 : 0x80);
    simc_writer_u16(&out, 0); /* the length, below */
    simc_writer_slice(&out, simc_slice(mark, sizeof mark - 1));
    simc_writer_u8(&out, (uint8_t)strlen(system->label));
    simc_writer_slice(&out, simc_slice_text(system->label));
    simc_writer_u8(&out, (uint8_t)provision->cw_count);
    for (size_t i = 0; i < provision->cw_count; i++) {
        simc_writer_u16(&out, provision->cws[i].cp_number);
        simc_writer_u8(&out, provision->cws[i].cw.size);
        simc_writer_slice(&out, simc_secret_bytes(&provision->cws[i].cw));
    }
    if (out.error) {
        answer->status = SIMC_ECMG_STATUS_OUT_OF_STORAGE;
        return out.error;
    }
    /* section_syntax_indicator 0, three bits of 1, then section_length */
    simc_writer_patch_u16(&out, 1, (uint16_t)(0x7000 | (out.at - HEADER_SIZE)));
    answer->size = out.at;
    return 0;
}

static void stream_close(void *state)
{
    (void)state;
}

static const struct simc_ecm_plugin plugin = {
    .abi = SIMC_ECM_PLUGIN_ABI,
    .name = "cleartest",
    .version = "1",
    .system_open = system_open,
    .system_reload = system_reload,
    .system_close = system_close,
    .worker_open = worker_open,
    .worker_close = worker_close,
    .stream_open = stream_open,
    .ecm_make = ecm_make,
    .stream_close = stream_close,
};

const struct simc_ecm_plugin *simc_ecm_plugin_get(uint32_t abi)
{
    return abi == SIMC_ECM_PLUGIN_ABI ? &plugin : NULL;
}
