/* SPDX-License-Identifier: BSL-1.0 */
/* Why connections end: the rows of the reasons, and the sentences for errors of the network. All
 * files of the adapter call it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "uv/internal.h"

#define NAME_ROW(name, text) #name,
#define TEXT_ROW(name, text) text,
static const char *const names[] = {SIMC_UV_END_ROWS(NAME_ROW)};
static const char *const texts[] = {SIMC_UV_END_ROWS(TEXT_ROW)};

const char *simc_uv_end_name(enum simc_uv_end_reason reason)
{
    return (size_t)reason < SIMC_UV_END_COUNT ? names[reason] : "?";
}

const char *simc_uv_end_text(enum simc_uv_end_reason reason)
{
    return (size_t)reason < SIMC_UV_END_COUNT ? texts[reason] : "an unknown reason";
}

void simc__uv_end_set(struct simc_uv_end *end, enum simc_uv_end_reason reason, int system_error,
                      const char *format, ...)
{
    va_list arguments;
    if (end->reason != SIMC_UV_END_NONE)
        return;
    end->reason = reason;
    end->system_error = system_error;
    va_start(arguments, format);
    if (!format || vsnprintf(end->text, sizeof end->text, format, arguments) < 0)
        snprintf(end->text, sizeof end->text, "%s", simc_uv_end_text(reason));
    va_end(arguments);
}

/* Errors of a connection that stood. */
static const struct {
    int error;
    enum simc_uv_end_reason reason;
    const char *text;
} rows[] = {
    {UV_ECONNRESET, SIMC_UV_END_RESET, "the peer reset it"},
    {UV_EPIPE, SIMC_UV_END_RESET, "the peer had closed it while something was sent"},
    {UV_ECONNABORTED, SIMC_UV_END_RESET, "it was aborted"},
    {UV_ETIMEDOUT, SIMC_UV_END_TIMED_OUT,
     "the peer does not answer any more (keep-alive or unacknowledged data)"},
    {UV_EHOSTUNREACH, SIMC_UV_END_TIMED_OUT, "the peer cannot be reached any more"},
    {UV_ENETUNREACH, SIMC_UV_END_TIMED_OUT, "the peer's network cannot be reached any more"},
    {UV_ENOMEM, SIMC_UV_END_NO_MEMORY, "no memory"},
    {UV_ENOBUFS, SIMC_UV_END_NO_MEMORY, "no memory in the system's network buffers"},
};

void simc__uv_end_set_error(struct simc_uv_end *end, int system_error)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].error == system_error) {
            simc__uv_end_set(end, rows[i].reason, system_error, "%s", rows[i].text);
            return;
        }
    }
    simc__uv_end_set(end, SIMC_UV_END_NETWORK, system_error, "the network failed: %s",
                     uv_strerror(system_error));
}
