/* SPDX-License-Identifier: BSL-1.0 */
/* The configuration file of the `simulcrypt dab` verbs as rows, its rules, and how it is loaded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/dab.h"
#include "conf/conf.h"
#include "sys/file.h"

enum {
    LABEL_MAX = 16,
    SHORT_LABEL_MAX = 8,
    UTF8_MAX = 4,
    PERIOD_MAX_MS = 120000,
    SHORT_CYCLES_MAX = 1000,
    UID_MAX = 64,
    CA_INT_TEXT_MAX = 3 * SIMC_DAB_CA_INT_MAX_16,
    PAGE_SIZE_MAX = 65536,
};

/* ---- labels: 16 characters, and 8 of them in the same order [300401 5.2.2.2] ---- */

static size_t character_size(const char *text)
{
    size_t size = text[0] != '\0';
    while (size && ((unsigned char)text[size] & 0xc0) == 0x80)
        size++;
    return size;
}

static size_t character_count(const char *text)
{
    size_t count = 0;
    for (; *text; text += character_size(text))
        count++;
    return count;
}

/* Whether the characters of `part` stand in `text`, in their order. */
static bool is_picked_from(const char *part, const char *text)
{
    for (; *part && *text; text += character_size(text)) {
        size_t size = character_size(part);
        if (size == character_size(text) && memcmp(part, text, size) == 0)
            part += size;
    }
    return !*part;
}

static void check_label(const void *values, struct simc__conf_check *check)
{
    const struct simc__dab_label *label = values;
    if (character_count(label->text) > LABEL_MAX)
        simc__conf_complain(check, "text", "a label has at most %d characters", LABEL_MAX);
    if (!label->short_text)
        return;
    if (character_count(label->short_text) > SHORT_LABEL_MAX)
        simc__conf_complain(check, "short_text", "a short label has at most %d characters",
                            SHORT_LABEL_MAX);
    else if (!is_picked_from(label->short_text, label->text))
        simc__conf_complain(check, "short_text",
                            "a short label is made by leaving out characters of the label");
}

static const struct simc__conf_row label_rows[] = {
    {.name = "text",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__dab_label, text),
     .required = true,
     .max = LABEL_MAX * UTF8_MAX,
     .example = "Example",
     .help = "up to 16 characters"},
    {.name = "short_text",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__dab_label, short_text),
     .null_allowed = true,
     .fallback = "null",
     .max = SHORT_LABEL_MAX * UTF8_MAX,
     .help = "up to 8 of them, in their order"},
};

static const struct simc__conf_table label_table = {
    .name = "label",
    .rows = label_rows,
    .count = sizeof label_rows / sizeof label_rows[0],
    .size = sizeof(struct simc__dab_label),
    .check = check_label,
};

/* ---- services ---- */

static void check_service(const void *values, struct simc__conf_check *check)
{
    const struct simc__dab_conf_service *service = values;
    uint8_t bytes[CA_INT_TEXT_MAX];
    size_t size;
    if (service->id_bits == SIMC__DAB_ID_16 && service->id > UINT16_MAX)
        simc__conf_complain(check, "id", "0x%X does not fit into 16 bits; see id_bits",
                            (unsigned)service->id);
    if (service->ca_int_char &&
        simc_hex_read(simc_slice_text(service->ca_int_char), bytes, sizeof bytes, &size, NULL))
        simc__conf_complain(check, "ca_int_char", "write hex digits, two for each byte");
}

static const struct simc__conf_choice id_bits[] = {
    {"auto", SIMC__DAB_ID_AUTO, "32 for ids over 0xFFFF, otherwise 16"},
    {"16", SIMC__DAB_ID_16, "a programme service"},
    {"32", SIMC__DAB_ID_32, "a data service"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row service_rows[] = {
    {.name = "uid",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__dab_conf_service, uid),
     .required = true,
     .min = 1,
     .max = UID_MAX,
     .example = "pay_music",
     .help = "a name of your own, for messages"},
    {.name = "id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__dab_conf_service, id),
     .required = true,
     .hex_digits = 4,
     .example = "0x4001",
     .help = "service identifier (SId)"},
    {.name = "id_bits",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__dab_conf_service, id_bits),
     .choices = id_bits,
     .fallback = "auto",
     .help = "size of the identifier on air"},
    {.name = "label",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__dab_conf_service, label),
     SIMC__CONF_HAS(simc__dab_conf_service, has_label),
     .null_allowed = true,
     .fallback = "null",
     .table = &label_table,
     .help = "label of the service, for messages"},
    {.name = "ca_system",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__dab_conf_service, ca_system),
     SIMC__CONF_HAS(simc__dab_conf_service, has_ca),
     .null_allowed = true,
     .fallback = "null",
     .hex_digits = 4,
     .help = "CA system id, one of the systems above; null: free to air, never listed"},
    {.name = "ca_int_char",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__dab_conf_service, ca_int_char),
     .null_allowed = true,
     .fallback = "null",
     .max = CA_INT_TEXT_MAX,
     .help = "hex digits of CAIntChar, data for the CA system; en300401 only"},
};

static const struct simc__conf_table service_table = {
    .name = "service",
    .rows = service_rows,
    .count = sizeof service_rows / sizeof service_rows[0],
    .size = sizeof(struct simc__dab_conf_service),
    .check = check_service,
};

static const struct simc__conf_row service_item = {.type = SIMC__CONF_MAP,
                                                   SIMC__CONF_ITEM(struct simc__dab_conf_service),
                                                   .table = &service_table};

/* ---- conditional access ---- */

static const struct simc__conf_choice layouts[] = {
    {"simple", SIMC_DAB_SIMPLE, "FIG 6/0 and 6/1, a private layout that is not EN 300 401"},
    {"en300401", SIMC_DAB_EN300401, "FIG 6 of EN 300 401, one for each service"},
    {NULL, 0, NULL},
};

static const struct simc__conf_choice existing[] = {
    {"keep", SIMC__DAB_KEEP, "leave FIGs of type 6 that the input has"},
    {"replace", SIMC__DAB_REPLACE, "take them out"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row system_item = {
    .type = SIMC__CONF_UINT, SIMC__CONF_ITEM(uint16_t), .hex_digits = 4, .example = "0x5601"};

static void check_systems(const void *values, struct simc__conf_check *check)
{
    const struct simc__dab_conf_ca *conf = values;
    struct simc_dab_ca ca = {
        .layout = conf->layout, .systems = conf->systems, .system_count = conf->systems_count};
    size_t index;
    enum simc_dab_ca_fault fault = simc_dab_ca_check(&ca, &index);
    if (fault)
        simc__conf_complain_item(check, "systems", index, "%s", simc_dab_ca_fault_text(fault));
}

static const struct simc__conf_row ca_rows[] = {
    {.name = "enabled",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__dab_conf_ca, enabled),
     .fallback = "false",
     .help = "false: no FIG 6 is sent"},
    {.name = "systems",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__dab_conf_ca, systems),
     .item = &system_item,
     .max = SIMC_DAB_SYSTEMS_MAX,
     .help = "ids of the CA systems that the ensemble uses"},
    {.name = "layout",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__dab_conf_ca, layout),
     .choices = layouts,
     .fallback = "simple",
     .help = "bytes of FIG 6; never mix both in one ensemble"},
    {.name = "period",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__dab_conf_ca, period_ms),
     .unit = "ms",
     .min = SIMC_DAB_FRAME_MS,
     .max = PERIOD_MAX_MS,
     .fallback = "1s",
     .help = "how often all of it is sent; whole frames of 24 ms, rounded down"},
    {.name = "displace",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__dab_conf_ca, displace),
     .fallback = "true",
     .help = "replace FIGs that a frame repeats where there is no free room"},
    {.name = "existing",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__dab_conf_ca, existing),
     .choices = existing,
     .fallback = "keep",
     .help = "FIGs of type 6 in the input"},
    {.name = "short_cycles",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__dab_conf_ca, short_cycles),
     .max = SHORT_CYCLES_MAX,
     .fallback = "0",
     .help = "en300401: cycles in the short form behind each in the long form"},
};

static const struct simc__conf_table ca_table = {
    .name = "conditional_access",
    .rows = ca_rows,
    .count = sizeof ca_rows / sizeof ca_rows[0],
    .size = sizeof(struct simc__dab_conf_ca),
    .check = check_systems,
};

/* ---- the file ---- */

static const struct simc__conf_row ensemble_rows[] = {
    {.name = "id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__dab_conf_ensemble, id),
     .required = true,
     .hex_digits = 4,
     .example = "0xCE15",
     .help = "ensemble identifier (EId); compared with the stream"},
    {.name = "ecc",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__dab_conf_ensemble, ecc),
     SIMC__CONF_HAS(simc__dab_conf_ensemble, has_ecc),
     .null_allowed = true,
     .fallback = "null",
     .hex_digits = 2,
     .help = "extended country code, for messages"},
    {.name = "label",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__dab_conf_ensemble, label),
     SIMC__CONF_HAS(simc__dab_conf_ensemble, has_label),
     .null_allowed = true,
     .fallback = "null",
     .table = &label_table,
     .help = "label of the ensemble, for messages"},
    {.name = "conditional_access",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__dab_conf_ensemble, ca),
     .table = &ca_table,
     .help = "what is signalled in FIG type 6"},
};

static const struct simc__conf_table ensemble_table = {
    .name = "ensemble",
    .rows = ensemble_rows,
    .count = sizeof ensemble_rows / sizeof ensemble_rows[0],
    .size = sizeof(struct simc__dab_conf_ensemble),
};

/* Gives the services and systems of a configuration in the form of the library.
 * @return 0, or SIMC_ENOMEM; what was allocated is the caller's to free. */
static int convert(const struct simc__dab_conf *conf, struct simc__dab_setup *setup)
{
    const struct simc__dab_conf_ca *from = &conf->ensemble.ca;
    size_t count = conf->services_count;
    setup->services = calloc(count + 1, sizeof *setup->services);
    setup->ca_int_chars = calloc(count + 1, CA_INT_TEXT_MAX);
    if (!setup->services || !setup->ca_int_chars)
        return SIMC_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct simc__dab_conf_service *service = &conf->services[i];
        uint8_t *bytes = setup->ca_int_chars + i * CA_INT_TEXT_MAX;
        size_t size = 0;
        /* What is no hex is told by the rule of the service. */
        if (service->ca_int_char && simc_hex_read(simc_slice_text(service->ca_int_char), bytes,
                                                  CA_INT_TEXT_MAX, &size, NULL))
            size = 0;
        setup->services[i] = (struct simc_dab_service){
            .id = service->id,
            .is_32bit = service->id_bits == SIMC__DAB_ID_32 ||
                        (service->id_bits == SIMC__DAB_ID_AUTO && service->id > UINT16_MAX),
            .has_ca = service->has_ca,
            .ca_system = service->ca_system,
            .ca_int_char = simc_slice(bytes, size),
        };
    }
    setup->ca = (struct simc_dab_ca){
        .enabled = from->enabled,
        .layout = from->layout,
        .systems = from->systems,
        .system_count = from->systems_count,
        .services = setup->services,
        .service_count = count,
        .short_cycles = from->short_cycles,
    };
    return 0;
}

/* What the lists say about each other. */
static void check_services(const void *values, struct simc__conf_check *check)
{
    const struct simc__dab_conf *conf = values;
    struct simc__dab_setup setup = {.services = NULL};
    int error = convert(conf, &setup);
    for (size_t i = 0; !error && i < conf->services_count; i++) {
        enum simc_dab_ca_fault fault = simc_dab_ca_check_service(&setup.ca, i);
        /* The width was checked where it can be pointed at. */
        if (fault && fault != SIMC_DAB_CA_SERVICE_WIDE)
            simc__conf_complain_item(check, "services", i, "%s (%s)", simc_dab_ca_fault_text(fault),
                                     conf->services[i].uid);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(conf->services[i].uid, conf->services[k].uid) == 0) {
                simc__conf_complain_item(check, "services", i, "the uid %s is there twice",
                                         conf->services[i].uid);
                break;
            }
        }
    }
    if (error)
        simc__conf_complain(check, NULL, "%s", simc_error_text(error));
    simc__dab_setup_fini(&setup);
}

static const struct simc__conf_row rows[] = {
    {.name = "ensemble",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__dab_conf, ensemble),
     .required = true,
     .table = &ensemble_table,
     .help = "the ensemble that the signalling is for"},
    {.name = "services",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__dab_conf, services),
     .item = &service_item,
     .max = SIMC_DAB_SERVICES_MAX,
     .help = "the services of the ensemble"},
};

static const struct simc__conf_table table = {
    .name = "simulcrypt dab",
    .help = "Conditional access signalling of a DAB ensemble, for 'simulcrypt dab inject'.",
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
    .size = sizeof(struct simc__dab_conf),
    .check = check_services,
};

const struct simc__conf_table *simc__dab_conf_table(void)
{
    return &table;
}

/* ---- loading ---- */

static int print_faults(const struct simc__conf_faults *faults, const char *path)
{
    char *page = malloc(PAGE_SIZE_MAX);
    struct simc_writer out = simc_writer(page, page ? PAGE_SIZE_MAX : 0);
    simc__conf_faults_put(&out, faults, path);
    simc__cli_flush();
    if (page && !out.error)
        fwrite(page, 1, out.at, stderr);
    free(page);
    return SIMC__EXIT_FOUND;
}

int simc__dab_setup_open(struct simc__dab_setup *setup, const char *path)
{
    struct simc_buffer text;
    char why[SIMC__FILE_WHY_SIZE];
    memset(setup, 0, sizeof *setup);
    simc_buffer_init(&text, SIMC__CONF_FILE_MAX);
    path = simc__cli_input(path);
    int status = 0;
    struct simc__conf_faults *faults = calloc(1, sizeof *faults);
    if (!faults)
        return simc__cli_trouble("no memory");
    if (simc__file_read(path, &text, why)) {
        status = simc__cli_trouble("%s", why);
    } else {
        const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
        int error = simc__conf_load(&table, simc_buffer_bytes(&text), name, &setup->conf,
                                    &setup->owner, faults);
        if (error == SIMC_ESYNTAX)
            status = print_faults(faults, name);
        else if (error || convert(&setup->conf, setup))
            status = simc__cli_trouble("no memory");
    }
    simc_buffer_fini(&text);
    free(faults);
    return status;
}

void simc__dab_setup_fini(struct simc__dab_setup *setup)
{
    simc__conf_free(setup->owner);
    free(setup->services);
    free(setup->ca_int_chars);
    memset(setup, 0, sizeof *setup);
}
