/* SPDX-License-Identifier: BSL-1.0 */
/* Settings of a session: defaults in the place of zeros, and their ranges. What makes sessions
 * calls it. */
#include "session/internal.h"

enum { OUTPUT_LIMIT_MIN = 4096, OUTPUT_LIMIT = 4 << 20, STREAM_LIMIT_MAX = 65536 };

#define SERVED_VERSIONS (1u << 1 | 1u << 2 | 1u << 3 | 1u << 5)

static void or_default(uint32_t *value, uint32_t standard)
{
    if (*value == 0)
        *value = standard;
}

enum { CLIENT_SETUP_MS = 5000, CLIENT_CLOSE_MS = 5000, IDLE_MS = 10000 };
enum { SERVER_SETUP_MS = 30000, SERVER_CLOSE_MS = 1000, MUX_STREAM_LIMIT = 16 };

static int fill_common(struct simc_session_settings *common, bool is_server, uint32_t idle_ms)
{
    or_default(&common->length_limit, SIMC_MSG_LENGTH_MAX);
    or_default(&common->stream_limit, 4096);
    or_default(&common->output_limit, OUTPUT_LIMIT);
    or_default(&common->fault_limit, 32);
    or_default(&common->setup_ms, is_server ? SERVER_SETUP_MS : CLIENT_SETUP_MS);
    or_default(&common->test_ms, 5000);
    or_default(&common->close_ms, is_server ? SERVER_CLOSE_MS : CLIENT_CLOSE_MS);
    or_default(&common->idle_ms, idle_ms);
    bool is_good = common->length_limit <= SIMC_MSG_LENGTH_MAX &&
                   common->stream_limit <= STREAM_LIMIT_MAX &&
                   common->output_limit >= OUTPUT_LIMIT_MIN;
    return is_good ? 0 : SIMC_EINVAL;
}

static int fill_ecmg(struct simc_session *session, const struct simc_ecmg_settings *from)
{
    struct simc_ecmg_settings *own = &session->own.ecmg;
    if (from)
        *own = *from;
    int error = fill_common(&own->common, true, SIMC_IDLE_TEST_OFF);
    or_default(&own->versions, SERVED_VERSIONS);
    or_default(&own->access_criteria_limit, 4096);
    or_default(&own->pending_limit, 2);
    if (own->cw_sizes == 0)
        own->cw_sizes = UINT64_C(1) << 8 | UINT64_C(1) << 16;
    if (error || own->versions & ~SERVED_VERSIONS || own->cw_sizes & 1 ||
        own->access_criteria_limit > SIMC_MSG_LENGTH_MAX || own->pending_limit > 16)
        return SIMC_EINVAL;
    while (own->cw_sizes >> session->cw_size_max > 1)
        session->cw_size_max++;
    session->common = own->common;
    session->rules.versions = own->versions;
    return 0;
}

static int fill_scs(struct simc_session *session, const struct simc_scs_settings *from)
{
    struct simc_scs_settings *own = &session->own.scs;
    if (from)
        *own = *from;
    int error = fill_common(&own->common, false, IDLE_MS);
    if (own->version == 0)
        own->version = 3;
    or_default(&own->reply_allowance_ms, 500);
    or_default(&own->reply_max_comp_ms, 1000);
    if (error || own->version > SIMC_VERSION_MAX || !(SERVED_VERSIONS >> own->version & 1))
        return SIMC_EINVAL;
    session->common = own->common;
    session->rules.versions = SERVED_VERSIONS;
    session->version = own->version;
    session->channel_id = own->ecm_channel_id;
    return 0;
}

static int fill_mux(struct simc_session *session, const struct simc_mux_settings *from)
{
    struct simc_mux_settings *own = &session->own.mux;
    if (from)
        *own = *from;
    or_default(&own->common.stream_limit, MUX_STREAM_LIMIT);
    int error = fill_common(&own->common, true, IDLE_MS);
    or_default(&own->versions, SERVED_VERSIONS);
    if (error || own->versions & ~SERVED_VERSIONS)
        return SIMC_EINVAL;
    session->common = own->common;
    session->rules.versions = own->versions;
    return 0;
}

static int fill_emmg(struct simc_session *session, const struct simc_emmg_settings *from)
{
    struct simc_emmg_settings *own = &session->own.emmg;
    if (from)
        *own = *from;
    int error = fill_common(&own->common, false, IDLE_MS);
    if (own->version == 0)
        own->version = 3;
    if (error || own->version > SIMC_VERSION_MAX || !(SERVED_VERSIONS >> own->version & 1) ||
        own->section_tspkt_flag > (own->version < 5 ? 1 : 2))
        return SIMC_EINVAL;
    session->common = own->common;
    session->rules.versions = SERVED_VERSIONS;
    session->version = own->version;
    session->channel_id = own->data_channel_id;
    session->client_id = own->client_id;
    session->emmg_status = (struct simc_emmg_channel_status){
        .client_id = own->client_id,
        .data_channel_id = own->data_channel_id,
        .section_tspkt_flag = own->section_tspkt_flag,
    };
    return 0;
}

int simc__settings_fill(struct simc_session *session, const void *from)
{
    switch (session->role) {
    case SIMC__ROLE_ECMG:
        return fill_ecmg(session, from);
    case SIMC__ROLE_SCS:
        return fill_scs(session, from);
    case SIMC__ROLE_MUX:
        return fill_mux(session, from);
    default:
        return fill_emmg(session, from);
    }
}

uint8_t simc_scs_version_after(uint8_t refused)
{
    return refused == 3 ? 2 : 0;
}

uint8_t simc_emmg_version_after(uint8_t refused)
{
    return simc_scs_version_after(refused);
}
