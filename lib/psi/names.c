/* SPDX-License-Identifier: BSL-1.0 */
/* Names of coded values, for people: table_ids, stream_types, scrambling modes, CA systems. The
 * analyser and the command line print them. */
#include "simulcrypt/psi.h"

struct name_row {
    uint16_t first, last;
    const char *name;
};

static const struct name_row table_rows[] = {
    {0x00, 0x00, "PAT"},
    {0x01, 0x01, "CAT"},
    {0x02, 0x02, "PMT"},
    {0x03, 0x03, "TSDT"},
    {0x40, 0x40, "NIT actual"},
    {0x41, 0x41, "NIT other"},
    {0x42, 0x42, "SDT actual"},
    {0x46, 0x46, "SDT other"},
    {0x4a, 0x4a, "BAT"},
    {0x4e, 0x4e, "EIT p/f actual"},
    {0x4f, 0x4f, "EIT p/f other"},
    {0x50, 0x5f, "EIT schedule actual"},
    {0x60, 0x6f, "EIT schedule other"},
    {0x70, 0x70, "TDT"},
    {0x71, 0x71, "RST"},
    {0x72, 0x72, "ST"},
    {0x73, 0x73, "TOT"},
    {0x7e, 0x7e, "DIT"},
    {0x7f, 0x7f, "SIT"},
    {0x80, 0x81, "ECM"},
    {0x82, 0x8f, "EMM"},
};

static const struct name_row ca_system_rows[] = {
    {0x0001, 0x00ff, "standardised"}, {0x0100, 0x01ff, "Mediaguard"}, {0x0500, 0x05ff, "Viaccess"},
    {0x0600, 0x06ff, "Irdeto"},       {0x0900, 0x09ff, "NDS"},        {0x0b00, 0x0bff, "Conax"},
    {0x1800, 0x18ff, "Nagravision"},  {0x2600, 0x26ff, "EBU BISS"},
};

static const struct name_row scrambling_rows[] = {
    {0x01, 0x01, "DVB-CSA1"},
    {0x02, 0x02, "DVB-CSA2"},
    {0x03, 0x03, "DVB-CSA3 standard"},
    {0x04, 0x04, "DVB-CSA3 minimally enhanced"},
    {0x05, 0x05, "DVB-CSA3 fully enhanced"},
    {0x10, 0x10, "DVB-CISSA version 1"},
    {0x70, 0x70, "ATIS IDSA"},
    {0x71, 0x7f, "ATIS"},
    {0x80, 0xfe, "user defined"},
    {0x00, 0xff, "reserved"},
};

enum stream_kind { KIND_DATA, KIND_VIDEO, KIND_AUDIO };

static const struct {
    uint8_t type;
    enum stream_kind kind;
    const char *name;
} stream_rows[] = {
    {0x01, KIND_VIDEO, "MPEG-1 video"},    {0x02, KIND_VIDEO, "MPEG-2 video"},
    {0x03, KIND_AUDIO, "MPEG-1 audio"},    {0x04, KIND_AUDIO, "MPEG-2 audio"},
    {0x05, KIND_DATA, "private sections"}, {0x06, KIND_DATA, "private PES"},
    {0x0b, KIND_DATA, "DSM-CC sections"},  {0x0f, KIND_AUDIO, "AAC audio"},
    {0x10, KIND_VIDEO, "MPEG-4 video"},    {0x11, KIND_AUDIO, "AAC LATM audio"},
    {0x15, KIND_DATA, "metadata"},         {0x1b, KIND_VIDEO, "H.264 video"},
    {0x24, KIND_VIDEO, "HEVC video"},      {0x33, KIND_VIDEO, "VVC video"},
    {0x81, KIND_AUDIO, "AC-3 audio"},
};

static const char *find(const struct name_row *rows, size_t count, unsigned value)
{
    for (size_t i = 0; i < count; i++) {
        if (value >= rows[i].first && value <= rows[i].last)
            return rows[i].name;
    }
    return NULL;
}

#define FIND(rows, value) find(rows, sizeof rows / sizeof rows[0], value)

const char *simc_table_name(uint8_t table_id)
{
    return FIND(table_rows, table_id);
}

const char *simc_ca_system_name(uint16_t ca_system_id)
{
    return FIND(ca_system_rows, ca_system_id);
}

const char *simc_scrambling_mode_name(uint8_t scrambling_mode)
{
    return FIND(scrambling_rows, scrambling_mode);
}

const char *simc_running_status_name(uint8_t running_status)
{
    static const char *const names[8] = {"undefined", "not running", "starts soon", "pausing",
                                         "running",   "off air",     "reserved",    "reserved"};
    return names[running_status & 7];
}

static size_t find_stream(uint8_t type)
{
    size_t count = sizeof stream_rows / sizeof stream_rows[0], i = 0;
    while (i < count && stream_rows[i].type != type)
        i++;
    return i;
}

static bool stream_is(uint8_t type, enum stream_kind kind)
{
    size_t i = find_stream(type);
    return i < sizeof stream_rows / sizeof stream_rows[0] && stream_rows[i].kind == kind;
}

const char *simc_stream_type_name(uint8_t stream_type)
{
    size_t i = find_stream(stream_type);
    return i < sizeof stream_rows / sizeof stream_rows[0] ? stream_rows[i].name : NULL;
}

bool simc_stream_type_is_video(uint8_t stream_type)
{
    return stream_is(stream_type, KIND_VIDEO);
}

bool simc_stream_type_is_audio(uint8_t stream_type)
{
    return stream_is(stream_type, KIND_AUDIO);
}
