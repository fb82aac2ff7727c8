/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/ecm_plugin.h
 * @brief How a CA vendor brings an ECM generator of its own into ecmgd, as a shared object.
 *
 * ecmgd does the network, the protocol, its timing rules, limits, access rules, metrics and logs.
 * What makes a CA system - what stands in an ECM, and which keys protect it - is behind this
 * interface; OpenSimulCrypt's own CA profile 1 uses the very same one. ecmg/example_plugin.c is a
 * complete example; docs/ecm-plugin.md tells how to build and configure one.
 *
 * A shared object exports one function, simc_ecm_plugin_get(). It is loaded once, before the
 * daemon drops anything, and stays loaded. Objects live in each other:
 *
 *     system (a Super_CAS_id of the configuration)
 *       worker (a thread of ecmgd)
 *         stream (an ECM stream that an SCS has opened)
 *
 * Calls for one worker and its streams never overlap, unless the plug-in says `may_block`. A
 * plug-in must not fork, exit, change signal handlers, or keep any pointer that it was given for a
 * call. It sees control words: it must not log them, and should simc_wipe() its copies.
 */
#ifndef SIMULCRYPT_ECM_PLUGIN_H
#define SIMULCRYPT_ECM_PLUGIN_H

#include "simulcrypt/session.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SIMC_ECM_PLUGIN_ABI = 1,             /**< changes when this page changes incompatibly */
    SIMC_ECM_PLUGIN_WHY_SIZE = 256,      /**< bytes of a sentence, its end mark included */
    SIMC_ECM_PLUGIN_DATAGRAM_MAX = 4096, /**< bytes of room for one ECM_datagram */
    SIMC_ECM_PLUGIN_SETTINGS_MAX = 64,   /**< settings of one system */
};

/** Marks the function that a plug-in exports. */
#define SIMC_ECM_PLUGIN_EXPORT SIMC_API

/** What ecmgd offers to a system. Valid as long as the system. */
struct simc_ecm_host {
    uint32_t abi;
    uint32_t super_cas_id; /**< that this system serves */
    /** Writes a line into the log of ecmgd, from any thread. @param message one sentence. */
    void (*log)(const struct simc_ecm_host *host, enum simc_log_level level, const char *message);
};

/** One setting of the configuration's `settings` list, "name=value". */
struct simc_ecm_setting {
    const char *name;
    const char *value;
};

/** What is known about a stream when an SCS opens it. Valid for the call. */
struct simc_ecm_stream {
    uint32_t super_cas_id;
    uint16_t ecm_channel_id;
    uint16_t ecm_stream_id;
    bool has_ecm_id; /**< false in protocol_version 1 */
    uint16_t ecm_id; /**< names the ECM stream within the Super_CAS_id */
    uint16_t nominal_cp_duration_100ms;
    uint8_t lead_cw;
    uint8_t cw_per_msg;
    bool ts_packets;  /**< section_TSpkt_flag: the datagram is made of 188-byte packets, which
                       *   ecmgd builds from the section that the plug-in makes */
    const char *peer; /**< address of the SCS, for messages */
};

/** An ECM that is wanted. Valid for the call. */
struct simc_ecm_request {
    uint64_t time_s; /**< seconds since 1970, UTC */
    /** Control words of CP n..n+lead_CW at least, access criteria in force; see session.h. */
    const struct simc_ecmg_provision *provision;
};

/** Room for the section, or the reason why there is none. Zeroed before the call, but `section`. */
struct simc_ecm_answer {
    uint8_t *section; /**< SIMC_ECM_PLUGIN_DATAGRAM_MAX bytes of ecmgd's memory */
    size_t size;      /**< written there: one whole section; 0: no ECM is broadcast in this CP */
    uint16_t status;  /**< on a refusal: error_status (enum simc_ecmg_status); 0 counts as 0x7000 */
    uint16_t blame;   /**< on a refusal: parameter_type for error_information, or 0 */
    char why[SIMC_ECM_PLUGIN_WHY_SIZE]; /**< on a refusal: a sentence for ecmgd's log */
};

/** A CA system. All members but those marked "may be NULL" are needed. */
struct simc_ecm_plugin {
    uint32_t abi;        /**< SIMC_ECM_PLUGIN_ABI that it was compiled with */
    const char *name;    /**< one word, for logs and metrics */
    const char *version; /**< its own */
    /** Making an ECM may take longer than a few microseconds (an HSM, a remote server): it is then
     *  called in threads of a pool, for several streams at once; for one stream never twice at
     *  once. */
    bool may_block;

    /** Opens a system. @param why filled on failure. @return 0, or an error of SIMC_ERROR_ROWS:
     *  ecmgd does not start then, or keeps its old configuration. */
    int (*system_open)(const struct simc_ecm_host *host, const struct simc_ecm_setting *settings,
                       size_t count, void **system, char why[SIMC_ECM_PLUGIN_WHY_SIZE]);
    /** Takes changed settings over while streams are open; all or nothing. May be NULL: a change
     *  needs a restart. Called while no other call for this system runs, but `ecm_make` of one
     *  that may block. */
    int (*system_reload)(void *system, const struct simc_ecm_setting *settings, size_t count,
                         char why[SIMC_ECM_PLUGIN_WHY_SIZE]);
    void (*system_close)(void *system); /**< after all its workers are closed */

    int (*worker_open)(void *system, void **worker);
    void (*worker_close)(void *worker); /**< after all its streams are closed */

    /** Opens a stream. @param answer on failure its status, blame and why.
     *  @return 0, or an error of SIMC_ERROR_ROWS: the stream is refused. */
    int (*stream_open)(void *worker, const struct simc_ecm_stream *stream, void **state,
                       struct simc_ecm_answer *answer);
    /** Makes an ECM. @return 0, or an error of SIMC_ERROR_ROWS: the SCS is told answer->status. */
    int (*ecm_make)(void *state, const struct simc_ecm_request *request,
                    struct simc_ecm_answer *answer);
    void (*stream_close)(void *state);
};

/** The one function that a plug-in exports.
 *  @param abi SIMC_ECM_PLUGIN_ABI of ecmgd.
 *  @return constant data, or NULL: this ABI is not supported. */
SIMC_ECM_PLUGIN_EXPORT const struct simc_ecm_plugin *simc_ecm_plugin_get(uint32_t abi);

#ifdef __cplusplus
}
#endif
#endif
