/* SPDX-License-Identifier: BSL-1.0 */
/* The UDP form of EMMG-MUX: data_provision alone, without answers and without sessions [6.3].
 * Multiplexers and EMMGs call it for each UDP datagram. */
#include "session/internal.h"

#define UDP_VERSIONS (1u << 2 | 1u << 3 | 1u << 5)

/* ---- MUX ---- */

/* The first message of a UDP datagram: all of it when the message is cut, or in strict mode, where
 * nothing may stand behind it. */
static struct simc_slice first_message(struct simc_slice bytes, bool is_strict)
{
    if (bytes.size < SIMC_MSG_HEADER_SIZE || is_strict)
        return bytes;
    size_t size = SIMC_MSG_HEADER_SIZE + (size_t)(bytes.data[3] << 8 | bytes.data[4]);
    return simc_slice(bytes.data, size < bytes.size ? size : bytes.size);
}

/* The message as it should be, in one pass. */
static bool read_fast(uint32_t versions, struct simc_slice message, struct simc_mux_udp_data *data)
{
    const uint8_t *p = message.data;
    struct simc__data_provision in;
    if (message.size < SIMC_MSG_HEADER_SIZE || p[0] > SIMC_VERSION_MAX || !(versions >> p[0] & 1) ||
        (p[1] << 8 | p[2]) != SIMC_EMMG_MSG_DATA_PROVISION ||
        !simc__data_provision_read(message, &in) || in.has_channel || in.has_stream ||
        !in.has_data_id)
        return false;
    data->version = p[0];
    data->client_id = in.client_id;
    data->data_id = in.data_id;
    data->datagrams = simc__data_provision_values(message, &in);
    data->bytes = in.bytes;
    return true;
}

/* Anything else: with parameters to be skipped, or wrong. */
static int read_slow(const struct simc_rules *rules, struct simc_slice message,
                     struct simc_mux_udp_data *data, struct simc_fault *fault)
{
    struct simc_msg msg;
    struct simc_emmg_data_provision in;
    int error = simc_msg_decode(rules, message, &msg, fault);
    if (error)
        return error;
    if (!msg.row) {
        fault->kind = SIMC_FAULT_MESSAGE_TYPE;
        fault->error_status = rules->interface->fault_status[SIMC_FAULT_MESSAGE_TYPE];
        fault->offset = 1;
        fault->found = msg.type;
        return SIMC_EPROTO;
    }
    error = simc_emmg_data_provision_get(&msg, &in);
    if (error)
        return SIMC_EPROTO;
    data->version = msg.version;
    data->client_id = in.client_id;
    data->data_id = in.data_id;
    data->datagrams = in.datagram;
    data->bytes = 0;
    struct simc_slice datagram;
    while (simc_values_next(&in.datagram, &datagram) == 0)
        data->bytes += datagram.size;
    return 0;
}

int simc_mux_udp_read(const struct simc_mux_udp_rules *rules, struct simc_slice *bytes,
                      struct simc_mux_udp_data *data, struct simc_fault *fault)
{
    struct simc_fault unwanted;
    if (!fault)
        fault = &unwanted;
    *fault = (struct simc_fault){.kind = SIMC_FAULT_NONE};
    if (bytes->size == 0)
        return SIMC_EEND;
    uint32_t versions = (rules->versions ? rules->versions : UDP_VERSIONS) & UDP_VERSIONS;
    struct simc_slice message = first_message(*bytes, rules->is_strict);
    bool is_short =
        !rules->length_limit || message.size <= rules->length_limit + SIMC_MSG_HEADER_SIZE;
    int error = 0;
    if (!is_short || !read_fast(versions, message, data)) {
        const struct simc_rules slow = {
            .interface = simc_interface_find(simc_slice_text(simc__emmg_dialect.interface)),
            .versions = versions ? versions : UINT32_C(1) << 31, /* none at all */
            .length_limit = rules->length_limit,
            .transport = SIMC_TRANSPORT_UDP,
            .strict = rules->is_strict,
        };
        error = read_slow(&slow, message, data, fault);
    }
    *bytes = error ? simc_slice(NULL, 0)
                   : simc_slice(bytes->data + message.size, bytes->size - message.size);
    return error;
}

/* ---- EMMG ---- */

size_t simc_emmg_udp_size(const struct simc_slice *datagrams, size_t count)
{
    enum { IDS = 2 * SIMC_PARAMETER_HEADER_SIZE + 4 + 2 };
    size_t size = SIMC_MSG_HEADER_SIZE + IDS;
    for (size_t i = 0; i < count; i++)
        size += SIMC_PARAMETER_HEADER_SIZE + datagrams[i].size;
    return size;
}

int simc_emmg_udp_write(uint8_t version, uint32_t client_id, uint16_t data_id,
                        const struct simc_slice *datagrams, size_t count, struct simc_writer *out)
{
    if (version > SIMC_VERSION_MAX || !(UDP_VERSIONS >> version & 1) || count == 0)
        return SIMC_EINVAL;
    if (simc_emmg_udp_size(datagrams, count) > SIMC_UDP_SIZE_MAX)
        return SIMC_ETOOLONG;
    size_t start = simc_msg_begin(out, version, SIMC_EMMG_MSG_DATA_PROVISION);
    simc_msg_put_uint(out, SIMC_EMMG_PARAM_CLIENT_ID, client_id, 4);
    simc_msg_put_uint(out, SIMC_EMMG_PARAM_DATA_ID, data_id, 2);
    for (size_t i = 0; i < count; i++)
        simc_msg_put(out, SIMC_EMMG_PARAM_DATAGRAM, datagrams[i]);
    return simc_msg_end(out, start);
}
