/* SPDX-License-Identifier: BSL-1.0 */
/* Addresses of servers, and what their processes have used. The load generators and the laboratory
 * EMMG call it. */
#include "cli/load.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

enum { STAT_SIZE = 1024, US_PER_S = 1000000 };

int simc__cli_address_read(const char *text, char host[SIMC__CLI_HOST_SIZE], uint16_t *port)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    uint64_t number;
    size_t size = colon ? (size_t)(colon - text) : 0;
    if (!colon || size == 0 || size >= SIMC__CLI_HOST_SIZE ||
        simc__text_read_uint(simc_slice_text(colon + 1), &number) || number == 0 ||
        number > UINT16_MAX)
        return SIMC_ESYNTAX;
    if (text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    memcpy(host, text, size);
    host[size] = '\0';
    *port = (uint16_t)number;
    return 0;
}

uint64_t simc__cli_cpu_us(uint64_t pid)
{
    char path[64], text[STAT_SIZE + 1], why[SIMC__FILE_WHY_SIZE];
    unsigned long user = 0, system = 0;
    struct simc_buffer bytes;
    snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
    simc_buffer_init(&bytes, STAT_SIZE);
    int error = simc__file_read(path, &bytes, why);
    size_t size = error ? 0 : simc_buffer_bytes(&bytes).size;
    if (size)
        memcpy(text, simc_buffer_bytes(&bytes).data, size);
    text[size] = '\0';
    simc_buffer_fini(&bytes);
    /* The name of the program stands in parentheses and may hold anything. */
    const char *behind = strrchr(text, ')');
    long ticks = sysconf(_SC_CLK_TCK);
    if (!behind || ticks <= 0 ||
        sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
        return 0;
    return (uint64_t)(user + system) * (US_PER_S / (uint64_t)ticks);
}
