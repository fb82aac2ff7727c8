/* SPDX-License-Identifier: BSL-1.0 */
/* Descriptors: the loop, and those that conditional access needs. Table builders and readers of
 * PMT, CAT and SDT call it. */
#include "psi/internal.h"

enum { BODY_MAX = 255 };

int simc_descriptor_next(struct simc_slice *rest, struct simc_descriptor *descriptor)
{
    *descriptor = (struct simc_descriptor){0, {NULL, 0}};
    if (rest->size == 0)
        return SIMC_EEND;
    struct simc_reader reader = simc_reader(*rest);
    descriptor->tag = simc_reader_u8(&reader);
    descriptor->body = simc_reader_slice(&reader, simc_reader_u8(&reader));
    if (reader.error) {
        rest->size = 0;
        return SIMC_EPROTO;
    }
    *rest = simc_slice(rest->data + reader.at, rest->size - reader.at);
    return 0;
}

int simc_descriptor_find(struct simc_slice loop, uint8_t tag, struct simc_descriptor *descriptor)
{
    while (simc_descriptor_next(&loop, descriptor) == 0) {
        if (descriptor->tag == tag)
            return 0;
    }
    return SIMC_ENOTFOUND;
}

/* Writes tag and length; the body follows. */
static void put_head(struct simc_writer *out, uint8_t tag, size_t size)
{
    if (size > BODY_MAX)
        simc_writer_fail(out, SIMC_ETOOLONG);
    simc_writer_u8(out, tag);
    simc_writer_u8(out, (uint8_t)size);
}

void simc_descriptor_put(struct simc_writer *out, uint8_t tag, struct simc_slice body)
{
    put_head(out, tag, body.size);
    simc_writer_slice(out, body);
}

int simc_ca_descriptor_read(struct simc_slice body, struct simc_ca_descriptor *ca)
{
    struct simc_reader reader = simc_reader(body);
    ca->system_id = simc_reader_u16(&reader);
    ca->pid = simc_reader_u16(&reader) & 0x1fff;
    ca->private_data = simc_reader_slice(&reader, simc_reader_left(&reader));
    return reader.error ? SIMC_EPROTO : 0;
}

void simc_ca_descriptor_put(struct simc_writer *out, const struct simc_ca_descriptor *ca)
{
    if (ca->pid >= SIMC_TS_PID_COUNT)
        simc_writer_fail(out, SIMC_EINVAL);
    put_head(out, SIMC_DESCRIPTOR_CA, 4 + ca->private_data.size);
    simc_writer_u16(out, ca->system_id);
    simc_writer_u16(out, (uint16_t)(0xe000 | ca->pid));
    simc_writer_slice(out, ca->private_data);
}

int simc_scrambling_descriptor_read(struct simc_slice body, uint8_t *mode)
{
    *mode = body.size ? body.data[0] : 0;
    return body.size ? 0 : SIMC_EPROTO;
}

void simc_scrambling_descriptor_put(struct simc_writer *out, uint8_t mode)
{
    simc_descriptor_put(out, SIMC_DESCRIPTOR_SCRAMBLING, simc_slice(&mode, 1));
}

int simc_ca_identifier_next(struct simc_slice *body, uint16_t *system_id)
{
    *system_id = 0;
    if (body->size == 0)
        return SIMC_EEND;
    struct simc_reader reader = simc_reader(*body);
    *system_id = simc_reader_u16(&reader);
    *body = simc_slice(body->data + reader.at, body->size - reader.at);
    if (reader.error)
        body->size = 0;
    return reader.error ? SIMC_EPROTO : 0;
}

void simc_ca_identifier_put(struct simc_writer *out, const uint16_t *system_ids, size_t count)
{
    put_head(out, SIMC_DESCRIPTOR_CA_IDENTIFIER, 2 * count);
    for (size_t i = 0; i < count && i < SIMC_CA_IDENTIFIERS_MAX; i++)
        simc_writer_u16(out, system_ids[i]);
}

int simc_service_descriptor_read(struct simc_slice body, struct simc_service_descriptor *service)
{
    struct simc_reader reader = simc_reader(body);
    service->type = simc_reader_u8(&reader);
    service->provider = simc_reader_slice(&reader, simc_reader_u8(&reader));
    service->name = simc_reader_slice(&reader, simc_reader_u8(&reader));
    return reader.error ? SIMC_EPROTO : 0;
}

void simc_service_descriptor_put(struct simc_writer *out,
                                 const struct simc_service_descriptor *service)
{
    put_head(out, SIMC_DESCRIPTOR_SERVICE, 3 + service->provider.size + service->name.size);
    simc_writer_u8(out, service->type);
    simc_writer_u8(out, (uint8_t)service->provider.size);
    simc_writer_slice(out, service->provider);
    simc_writer_u8(out, (uint8_t)service->name.size);
    simc_writer_slice(out, service->name);
}
