/* SPDX-License-Identifier: BSL-1.0 */
/* Finds rows: by code for the decoder, by name for the text form. */
#include <string.h>

#include "proto/table.h"

const struct simc_interface *const *simc_interfaces(size_t *count)
{
    *count = SIMC__INTERFACE_COUNT;
    return simc__interfaces;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

bool simc__name_equal(const char *name, struct simc_slice text)
{
    if (strlen(name) != text.size)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (lower((uint8_t)name[i]) != lower(text.data[i]))
            return false;
    }
    return true;
}

const struct simc_interface *simc_interface_find(struct simc_slice name)
{
    for (size_t i = 0; i < SIMC__INTERFACE_COUNT; i++) {
        const struct simc_interface *interface = simc__interfaces[i];
        if (simc__name_equal(interface->name, name) || simc__name_equal(interface->id, name))
            return interface;
    }
    return NULL;
}

const struct simc_message_row *simc_message_find(uint16_t type)
{
    return type < SIMC__MESSAGE_TYPE_END ? simc__message_by_type[type] : NULL;
}

const struct simc_message_row *simc_message_find_name(const struct simc_interface *on,
                                                      struct simc_slice name)
{
    for (size_t i = 0; i < on->message_count; i++) {
        if (simc__name_equal(on->messages[i].name, name))
            return &on->messages[i];
    }
    return NULL;
}

uint8_t simc__parameter_index(const struct simc_interface *on, uint16_t code)
{
    /* Three windows hold all the codes of the registries; the generator refuses others. */
    if (code < 0x0040)
        return on->parameter_index[code];
    if ((code & 0xffc0) == 0x0100)
        return on->parameter_index[0x40 + (code & 0x3f)];
    if ((code & 0xfffc) == 0x7000)
        return on->parameter_index[0x80 + (code & 0x3)];
    return SIMC__NO_ROW;
}

const struct simc_parameter_row *simc__parameter_row(const struct simc_interface *on, uint8_t index,
                                                     uint8_t version)
{
    uint16_t code = on->parameters[index].code;
    for (size_t i = index; i < on->parameter_count && on->parameters[i].code == code; i++) {
        if (version >= on->parameters[i].since && version <= on->parameters[i].until)
            return &on->parameters[i];
    }
    return NULL;
}

const struct simc_parameter_row *simc_parameter_find(const struct simc_interface *on, uint16_t code,
                                                     uint8_t version)
{
    uint8_t index = simc__parameter_index(on, code);
    return index == SIMC__NO_ROW ? NULL : simc__parameter_row(on, index, version);
}

const struct simc_parameter_row *simc_parameter_find_name(const struct simc_interface *on,
                                                          struct simc_slice name, uint8_t version)
{
    for (uint8_t i = 0; i < on->parameter_count; i++) {
        if (simc__name_equal(on->parameters[i].name, name))
            return simc__parameter_row(on, i, version);
    }
    return NULL;
}

const char *simc_status_text(const struct simc_interface *on, uint16_t status)
{
    for (size_t i = 0; i < on->status_count; i++) {
        if (on->statuses[i].status == status)
            return on->statuses[i].text;
    }
    return NULL;
}
