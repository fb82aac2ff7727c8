/* SPDX-License-Identifier: BSL-1.0 */
/* Prints an ECM of CA profile 1 for people or as JSON, as far as it can be opened; see ecm.h.
 * Control words are fingerprints unless the user wants to see them. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/ecm.h"
#include "cli/keys.h"

enum { PAGE_SIZE = 8192, WHY_SIZE = 512 };

/* What is known about one ECM. */
struct found {
    struct simc_slice section;
    struct simc_ecm_envelope envelope;
    bool has_envelope;
    struct simc_ecm ecm;
    bool is_opened;
    enum simc_ecm_reason reason;
    char why[WHY_SIZE]; /* it is faulty, or was not opened; "" otherwise */
};

/* ---- reasons ---- */

/* Which keys there are instead of the one that is wanted. */
static void explain_no_key(const struct simc__ecm_run *run, const struct simc_ecm_kid *kid,
                           char why[WHY_SIZE])
{
    size_t count;
    struct simc_writer out = simc_writer(why, WHY_SIZE - 1);
    const struct simc__keys_entry *entries = simc__keys_of(run->keys, kid->package, &count);
    simc__text_printf(&out, "%.128s has no key for package %u version %u", run->key_file,
                      (unsigned)kid->package, (unsigned)kid->key_version);
    if (count)
        simc__text_printf(&out, "; it has version%s %u", count > 1 ? "s" : "",
                          (unsigned)entries[0].version);
    if (count > 1)
        simc__text_printf(&out, " to %u", (unsigned)entries[count - 1].version);
    if (count == 0)
        simc__text_put(&out, ", nor for another version of this package");
    why[out.error ? 0 : out.at] = '\0';
}

static void explain(const struct simc__ecm_run *run, struct found *found,
                    const struct simc_cas_fault *fault)
{
    found->reason = (enum simc_ecm_reason)fault->reason;
    switch (found->reason) {
    case SIMC_ECM_REASON_NO_KEY:
        explain_no_key(run, &found->envelope.kid, found->why);
        break;
    case SIMC_ECM_REASON_FORMAT:
    case SIMC_ECM_REASON_COSE:
        snprintf(found->why, sizeof found->why, "%s (an ECM of another CA system?)", fault->text);
        break;
    default:
        snprintf(found->why, sizeof found->why, "%s", fault->text);
        break;
    }
    simc__text_disarm(found->why);
}

static void look(const struct simc__ecm_run *run, struct found *found)
{
    struct simc_cas_fault fault = {0};
    if (simc_ecm_read(found->section, &found->envelope, &fault)) {
        explain(run, found, &fault);
        return;
    }
    found->has_envelope = true;
    if (!run->opener)
        return;
    found->is_opened =
        simc_ecm_open(run->opener, found->section, run->stream, &found->ecm, &fault) == 0;
    if (!found->is_opened)
        explain(run, found, &fault);
}

/* ---- for people ---- */

static void put_place(struct simc_writer *out, const struct simc__ecm_place *place)
{
    if (place->is_stream)
        simc__text_printf(out, "packet %llu", (unsigned long long)place->packet);
    else
        simc__text_printf(out, "byte %llu", (unsigned long long)place->offset);
    simc__text_put(out, " of ");
    simc__text_put_escaped(out, simc_slice_text(place->name));
}

static void put_envelope(struct simc_writer *out, const struct simc_ecm_envelope *envelope)
{
    const struct simc_ecm_kid *kid = &envelope->kid;
    simc__text_printf(out,
                      "  kid         package %u, key version %u, Super_CAS_id 0x%08x, ECM_id %u "
                      "(0x%04x)\n  prefix      ",
                      (unsigned)kid->package, (unsigned)kid->key_version,
                      (unsigned)kid->super_cas_id, kid->ecm_id, kid->ecm_id);
    simc__text_put_hex(out, envelope->prefix);
    simc__text_put(out, "\n  nonce       ");
    simc__text_put_hex(out, simc_slice(envelope->nonce.data, SIMC_ECM_START_ID_SIZE));
    simc__text_put(out, " ");
    simc__text_put_hex(out, simc_slice(envelope->nonce.data + SIMC_ECM_START_ID_SIZE,
                                       envelope->nonce.size - SIMC_ECM_START_ID_SIZE));
    simc__text_printf(out, "\n  ciphertext  %zu bytes and a tag of %d\n",
                      envelope->ciphertext.size - SIMC_ECM_TAG_SIZE, SIMC_ECM_TAG_SIZE);
}

static void put_payload(struct simc_writer *out, const struct simc_ecm *ecm, bool show_secrets)
{
    char fingerprint[SIMC_FINGERPRINT_SIZE];
    simc__text_put(out, "  issued      ");
    simc__conf_time_put(out, ecm->issued_s);
    simc__text_printf(out, "\n  epoch       %u or later\n", (unsigned)ecm->lowest_epoch);
    if (ecm->has_content)
        simc__text_printf(out, "  content     %u (0x%08x)\n", (unsigned)ecm->content,
                          (unsigned)ecm->content);
    if (ecm->has_conditions) {
        simc__text_put(out, "  conditions  ");
        simc__text_put_hex(out, simc_slice(ecm->conditions, ecm->conditions_size));
        simc__text_put(out, ecm->conditions_size ? "\n" : "(empty)\n");
    }
    for (size_t i = 0; i < ecm->cw_count; i++) {
        simc__text_printf(out, "  CP %-5u    CW of %u bytes, ", ecm->cp_numbers[i],
                          ecm->cws[i].size);
        if (show_secrets) {
            simc__text_put_hex(out, simc_secret_bytes(&ecm->cws[i]));
        } else {
            simc_secret_fingerprint(&ecm->cws[i], fingerprint);
            simc__text_printf(out, "fingerprint %s", fingerprint);
        }
        simc__text_put(out, "\n");
    }
}

static void put_text(const struct simc__ecm_run *run, const struct simc__ecm_place *place,
                     const struct found *found, struct simc_writer *out)
{
    simc__text_printf(out, "%sECM %llu: %zu bytes", run->count > 1 ? "\n" : "",
                      (unsigned long long)run->count, found->section.size);
    if (found->has_envelope)
        simc__text_printf(out, ", table_id 0x%02x (crypto period with an %s number)",
                          found->envelope.table_id,
                          found->envelope.table_id == SIMC_ECM_TABLE_EVEN ? "even" : "odd");
    simc__text_put(out, ", at ");
    put_place(out, place);
    simc__text_put(out, "\n");
    if (found->has_envelope)
        put_envelope(out, &found->envelope);
    if (found->why[0])
        simc__text_printf(out, "  %s: %s\n", found->has_envelope ? "not opened" : "fault",
                          found->why);
    if (found->is_opened)
        put_payload(out, &found->ecm, run->show_secrets);
}

/* ---- JSON ---- */

static void json_cws(struct simc__json *json, const struct simc_ecm *ecm, bool show_secrets)
{
    simc__json_array(json, "cws");
    for (size_t i = 0; i < ecm->cw_count; i++) {
        char hex[2 * SIMC_SECRET_SIZE_MAX];
        simc__json_object(json, NULL);
        simc__json_uint(json, "cp", ecm->cp_numbers[i]);
        simc__json_uint(json, "size", ecm->cws[i].size);
        if (show_secrets) {
            struct simc_writer digits = simc_writer(hex, sizeof hex);
            simc__text_put_hex(&digits, simc_secret_bytes(&ecm->cws[i]));
            simc__json_slice(json, "cw", simc_slice(hex, digits.at));
            simc_wipe(hex, sizeof hex);
        } else {
            simc__json_secret(json, "fingerprint", &ecm->cws[i]);
        }
        simc__json_end(json);
    }
    simc__json_end(json);
}

static void json_envelope(struct simc__json *json, const struct simc_ecm_envelope *envelope)
{
    simc__json_uint(json, "table_id", envelope->table_id);
    simc__json_uint(json, "package", envelope->kid.package);
    simc__json_uint(json, "key_version", envelope->kid.key_version);
    simc__json_hex(json, "super_cas_id", envelope->kid.super_cas_id, 8);
    simc__json_uint(json, "ecm_id", envelope->kid.ecm_id);
    simc__json_bytes(json, "prefix", envelope->prefix);
    simc__json_bytes(json, "nonce", envelope->nonce);
    simc__json_uint(json, "ciphertext_size", envelope->ciphertext.size - SIMC_ECM_TAG_SIZE);
}

static void json_payload(struct simc__json *json, const struct simc_ecm *ecm, bool show_secrets)
{
    char time[SIMC__CLI_TIME_SIZE];
    simc__json_text(json, "issued", simc__cli_time(ecm->issued_s, time));
    simc__json_uint(json, "lowest_epoch", ecm->lowest_epoch);
    if (ecm->has_content)
        simc__json_uint(json, "content", ecm->content);
    if (ecm->has_conditions)
        simc__json_bytes(json, "conditions", simc_slice(ecm->conditions, ecm->conditions_size));
    json_cws(json, ecm, show_secrets);
}

/* A path takes any length; its end tells which one it is. */
static const char *shown_name(const char *name)
{
    enum { SHOWN_MAX = 256 };
    size_t size = strlen(name);
    return size > SHOWN_MAX ? name + size - SHOWN_MAX : name;
}

static void put_json(const struct simc__ecm_run *run, const struct simc__ecm_place *place,
                     const struct found *found, struct simc_writer *out)
{
    struct simc__json json;
    simc__json_init(&json, out);
    simc__json_object(&json, NULL);
    simc__json_uint(&json, "ecm", run->count);
    simc__json_text(&json, "input", shown_name(place->name));
    if (place->is_stream)
        simc__json_uint(&json, "packet", place->packet);
    else
        simc__json_uint(&json, "offset", place->offset);
    simc__json_uint(&json, "size", found->section.size);
    if (found->has_envelope)
        json_envelope(&json, &found->envelope);
    simc__json_bool(&json, "opened", found->is_opened);
    if (found->is_opened)
        json_payload(&json, &found->ecm, run->show_secrets);
    if (found->why[0]) {
        simc__json_object(&json, "fault");
        simc__json_text(&json, "reason", simc_ecm_reason_word(found->reason));
        simc__json_text(&json, "text", found->why);
        simc__json_end(&json);
    }
    simc__json_end(&json);
    if (simc__json_finish(&json) && !out->error)
        simc_writer_fail(out, SIMC_EINVAL);
    simc__text_put(out, "\n");
}

/* ---- all of it ---- */

void simc__ecm_print(struct simc__ecm_run *run, const struct simc__ecm_place *place,
                     struct simc_slice section)
{
    char page[PAGE_SIZE];
    struct simc_writer out = simc_writer(page, sizeof page);
    struct found found = {.section = section};
    run->count++;
    look(run, &found);
    run->opened += found.is_opened;
    run->faulty += found.why[0] != '\0';
    if (run->json)
        put_json(run, place, &found, &out);
    else
        put_text(run, place, &found, &out);
    if (!out.error)
        simc__cli_write(simc_slice(page, out.at));
    simc_ecm_wipe(&found.ecm);
    simc_wipe(page, sizeof page);
}

void simc__ecm_print_fault(struct simc__ecm_run *run, const struct simc__ecm_place *place,
                           const char *format, ...)
{
    char page[PAGE_SIZE], why[WHY_SIZE];
    struct simc_writer out = simc_writer(page, sizeof page);
    struct simc__json json;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    simc__text_disarm(why);
    run->faulty++;
    if (run->json) {
        simc__json_init(&json, &out);
        simc__json_object(&json, NULL);
        simc__json_text(&json, "input", shown_name(place->name));
        if (place->is_stream)
            simc__json_uint(&json, "packet", place->packet);
        else
            simc__json_uint(&json, "offset", place->offset);
        simc__json_object(&json, "fault");
        simc__json_text(&json, "reason", "no ecm");
        simc__json_text(&json, "text", why);
        simc__json_end(&json);
        simc__json_end(&json);
        if (simc__json_finish(&json) && !out.error)
            simc_writer_fail(&out, SIMC_EINVAL);
    } else {
        simc__text_put(&out, run->count ? "\n" : "");
        put_place(&out, place);
        simc__text_printf(&out, ": %s", why);
    }
    simc__text_put(&out, "\n");
    if (!out.error)
        simc__cli_write(simc_slice(page, out.at));
}

void simc__ecm_print_summary(const struct simc__ecm_run *run)
{
    char line[256];
    struct simc_writer out = simc_writer(line, sizeof line);
    unsigned long long count = run->count, opened = run->opened, faulty = run->faulty;
    unsigned long long repeated = run->repeated;
    if (run->json) {
        simc__text_printf(&out,
                          "{\"summary\":{\"ecms\":%llu,\"opened\":%llu,\"faults\":%llu,"
                          "\"repetitions\":%llu}}\n",
                          count, opened, faulty, repeated);
    } else {
        simc__text_printf(&out, "# %llu ECM%s", count, count == 1 ? "" : "s");
        if (run->opener)
            simc__text_printf(&out, ", %llu opened", opened);
        simc__text_printf(&out, ", %llu fault%s", faulty, faulty == 1 ? "" : "s");
        if (repeated)
            simc__text_printf(&out, ", %llu repetition%s", repeated, repeated == 1 ? "" : "s");
        simc__text_put(&out, "\n");
    }
    simc__cli_write(simc_slice(line, out.error ? 0 : out.at));
}
