/* SPDX-License-Identifier: BSL-1.0 */
/* Errors as the problem details of RFC 9457, and the rules for route rows; see http.h. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "http/internal.h"

static const struct {
    unsigned status;
    const char *text;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

const char *simc__http_status_text(unsigned status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].status == status)
            return statuses[i].text;
    }
    return "Error";
}

void simc__http_problem(struct simc__http_reply *reply, unsigned status, const char *format, ...)
{
    char detail[SIMC__HTTP_WHY_SIZE];
    struct simc__json json;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(detail, sizeof detail, format, arguments) < 0)
        detail[0] = '\0';
    va_end(arguments);
    /* What the handler may have written before it met the fault is dropped. */
    *reply->body = simc_writer(reply->body->data, reply->body->capacity);
    reply->status = status;
    reply->content_type = "application/problem+json";
    simc__json_init(&json, reply->body);
    simc__json_object(&json, NULL);
    simc__json_text(&json, "type", "about:blank");
    simc__json_text(&json, "title", simc__http_status_text(status));
    simc__json_uint(&json, "status", status);
    simc__json_text(&json, "detail", detail);
    simc__json_end(&json);
    if (simc__json_finish(&json) == 0)
        simc_writer_u8(reply->body, '\n');
}

/* ---- rows ---- */

static const char *fault_of(const struct simc__http_route *row)
{
    bool is_one = row->method == SIMC__HTTP_GET || row->method == SIMC__HTTP_POST ||
                  row->method == SIMC__HTTP_PUT || row->method == SIMC__HTTP_DELETE;
    if (!is_one)
        return "needs one method";
    if (!row->path || row->path[0] != '/' || strpbrk(row->path, "?#% "))
        return "has a path that no request can have";
    if (!row->content_type || !row->handle || !row->help)
        return "needs a content type, a handler and a line of help";
    return NULL;
}

static bool is_taken(const struct simc__http_routes *sets, size_t set, size_t row)
{
    const struct simc__http_route *is = &sets[set].rows[row];
    for (size_t i = 0; i <= set; i++) {
        for (size_t k = 0; k < (i == set ? row : sets[i].count); k++) {
            if (sets[i].rows[k].method == is->method && strcmp(sets[i].rows[k].path, is->path) == 0)
                return true;
        }
    }
    return false;
}

int simc__http_routes_check(const struct simc__http_routes *sets, size_t count,
                            char why[SIMC__HTTP_WHY_SIZE])
{
    for (size_t set = 0; set < count; set++) {
        for (size_t row = 0; row < sets[set].count; row++) {
            const struct simc__http_route *is = &sets[set].rows[row];
            const char *fault = fault_of(is);
            if (!fault && is_taken(sets, set, row))
                fault = "stands there twice";
            if (!fault)
                continue;
            snprintf(why, SIMC__HTTP_WHY_SIZE, "the route %.200s %s", is->path ? is->path : "",
                     fault);
            return SIMC_EINVAL;
        }
    }
    return 0;
}
