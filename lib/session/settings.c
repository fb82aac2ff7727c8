/* SPDX-License-Identifier: BSL-1.0 */
/* Settings of a session: defaults in the place of zeros, and their ranges. The two functions that
 * make sessions call it. */
#include "session/internal.h"

enum { OUTPUT_LIMIT_MIN = 4096, OUTPUT_LIMIT = 4 << 20, STREAM_LIMIT_MAX = 65536 };

#define SERVED_VERSIONS (1u << 1 | 1u << 2 | 1u << 3 | 1u << 5)

static void or_default(uint32_t *value, uint32_t standard)
{
    if (*value == 0)
        *value = standard;
}

static int fill_common(struct simc_session_settings *common, uint32_t setup_ms, uint32_t close_ms,
                       uint32_t idle_ms)
{
    or_default(&common->length_limit, SIMC_MSG_LENGTH_MAX);
    or_default(&common->stream_limit, 4096);
    or_default(&common->output_limit, OUTPUT_LIMIT);
    or_default(&common->fault_limit, 32);
    or_default(&common->setup_ms, setup_ms);
    or_default(&common->test_ms, 5000);
    or_default(&common->close_ms, close_ms);
    or_default(&common->idle_ms, idle_ms);
    bool is_good = common->length_limit <= SIMC_MSG_LENGTH_MAX &&
                   common->stream_limit <= STREAM_LIMIT_MAX &&
                   common->output_limit >= OUTPUT_LIMIT_MIN;
    return is_good ? 0 : SIMC_EINVAL;
}

int simc__ecmg_settings_fill(struct simc_session *session, const struct simc_ecmg_settings *from)
{
    struct simc_ecmg_settings *own = &session->own.ecmg;
    if (from)
        *own = *from;
    int error = fill_common(&own->common, 30000, 1000, SIMC_IDLE_TEST_OFF);
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

int simc__scs_settings_fill(struct simc_session *session, const struct simc_scs_settings *from)
{
    struct simc_scs_settings *own = &session->own.scs;
    if (from)
        *own = *from;
    int error = fill_common(&own->common, 5000, 5000, 10000);
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

uint8_t simc_scs_version_after(uint8_t refused)
{
    return refused == 3 ? 2 : 0;
}
