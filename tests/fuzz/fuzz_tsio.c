/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: addresses of transport streams, and datagrams of RTP. The first byte chooses.
 * libFuzzer or the corpus replay calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsio/tsio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

/* What reads prints, and what is printed reads to the same. */
static void check_address(const char *text, unsigned direction)
{
    struct simc__tsio_address address, again;
    char why[SIMC__TSIO_TEXT_SIZE] = "", printed[2 * SIMC__TSIO_ADDRESS_SIZE];
    int error = simc__tsio_address_read(text, direction, &address, why);
    require(error == 0 || error == SIMC_ESYNTAX || error == SIMC_EUNSUPPORTED, "a known error");
    require(memchr(why, '\0', sizeof why) != NULL, "an end mark");
    if (error) {
        require(why[0] != '\0', "a reason");
        for (const char *at = why; *at; at++)
            require((uint8_t)*at >= 0x20, "nothing that reaches a terminal");
        return;
    }
    struct simc_writer out = simc_writer(printed, sizeof printed - 1);
    simc__tsio_address_put(&out, &address);
    require(out.error == 0, "room for what is printed");
    printed[out.at] = '\0';
    require(simc__tsio_address_read(printed, direction, &again, why) == 0, "what is printed reads");
    require(memcmp(&address, &again, sizeof address) == 0, "to the same");
}

static void check_rtp(struct simc_slice datagram)
{
    struct simc__tsio_rtp rtp;
    if (simc__tsio_rtp_read(datagram, &rtp))
        return;
    require(rtp.payload.data >= datagram.data + SIMC__TSIO_RTP_SIZE, "a payload behind the head");
    require(rtp.payload.data + rtp.payload.size <= datagram.data + datagram.size,
            "a payload in the datagram");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1) {
        check_rtp(simc_slice(data + 1, size - 1));
        return 0;
    }
    char *text = malloc(size);
    require(text != NULL, "memory for the test");
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    check_address(text, SIMC__TSIO_INPUT);
    check_address(text, SIMC__TSIO_OUTPUT);
    free(text);
    return 0;
}
