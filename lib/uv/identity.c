/* SPDX-License-Identifier: BSL-1.0 */
/* Who a peer is: the alternative names of its certificate, each with its type. Read from the X509
 * object; a subject as one line of text could be forged by what stands inside of a name. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "uv/internal.h"

enum {
    NAMES_MAX = 64, /* a certificate with more has those of the first ones */
    NAME_SIZE_MAX = 512,
    IPV4_SIZE = 4,
    IPV6_SIZE = 16,
    ASCII_FIRST = 0x21, /* printable, and no blank */
    ASCII_LAST = 0x7e,
};

/* With its arrays and texts behind it in one block. */
struct whole {
    struct simc_uv_identity identity;
    enum simc_uv_name_type types[NAMES_MAX];
    const char *names[NAMES_MAX];
    size_t text_size;
    char texts[];
};

static bool is_text(const ASN1_STRING *string)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(string);
    int size = ASN1_STRING_length(string);
    for (int i = 0; i < size; i++) {
        if (bytes[i] < ASCII_FIRST || bytes[i] > ASCII_LAST)
            return false;
    }
    return size > 0 && size < NAME_SIZE_MAX;
}

static void copy_text(const ASN1_STRING *string, bool lower, char text[NAME_SIZE_MAX])
{
    const unsigned char *bytes = ASN1_STRING_get0_data(string);
    int size = ASN1_STRING_length(string);
    for (int i = 0; i < size; i++) {
        bool is_upper = bytes[i] >= 'A' && bytes[i] <= 'Z';
        text[i] = (char)(lower && is_upper ? bytes[i] - 'A' + 'a' : bytes[i]);
    }
    text[size] = '\0';
}

static bool address_text(const ASN1_OCTET_STRING *bytes, char text[NAME_SIZE_MAX])
{
    union simc__uv_sockaddr address;
    int size = ASN1_STRING_length(bytes);
    memset(&address, 0, sizeof address);
    if (size == IPV4_SIZE) {
        address.v4.sin_family = AF_INET;
        memcpy(&address.v4.sin_addr, ASN1_STRING_get0_data(bytes), IPV4_SIZE);
    } else if (size == IPV6_SIZE) {
        address.v6.sin6_family = AF_INET6;
        memcpy(&address.v6.sin6_addr, ASN1_STRING_get0_data(bytes), IPV6_SIZE);
    } else {
        return false;
    }
    simc__uv_sockaddr_host(&address, text);
    return true;
}

/* The text of a name. @return false: it is of another type, or not printable. */
static bool name_text(const GENERAL_NAME *name, enum simc_uv_name_type *type,
                      char text[NAME_SIZE_MAX])
{
    if (name->type == GEN_IPADD) {
        *type = SIMC_UV_NAME_IP;
        return address_text(name->d.iPAddress, text);
    }
    bool is_dns = name->type == GEN_DNS;
    if ((!is_dns && name->type != GEN_URI) || !is_text(name->d.ia5))
        return false;
    *type = is_dns ? SIMC_UV_NAME_DNS : SIMC_UV_NAME_URI;
    copy_text(name->d.ia5, is_dns, text);
    return true;
}

static size_t text_size_of(const GENERAL_NAMES *names)
{
    size_t size = 0;
    enum simc_uv_name_type type;
    char text[NAME_SIZE_MAX];
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < NAMES_MAX; i++) {
        if (name_text(sk_GENERAL_NAME_value(names, i), &type, text))
            size += strlen(text) + 1;
    }
    return size;
}

static void add_names(struct whole *whole, const GENERAL_NAMES *names)
{
    struct simc_uv_identity *identity = &whole->identity;
    char text[NAME_SIZE_MAX];
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < NAMES_MAX; i++) {
        size_t at = identity->name_count;
        if (!name_text(sk_GENERAL_NAME_value(names, i), &whole->types[at], text))
            continue;
        size_t size = strlen(text) + 1;
        whole->names[at] = memcpy(whole->texts + whole->text_size, text, size);
        whole->text_size += size;
        identity->name_count++;
    }
}

int simc__uv_identity_new(void *x509, struct simc_uv_identity **identity)
{
    X509 *certificate = x509;
    struct tm time;
    unsigned size = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    struct whole *whole = simc_calloc(1, sizeof *whole + (names ? text_size_of(names) : 0));
    *identity = whole ? &whole->identity : NULL;
    if (whole) {
        whole->identity.names = whole->names;
        whole->identity.types = whole->types;
        if (names)
            add_names(whole, names);
        (void)X509_digest(certificate, EVP_sha256(), whole->identity.sha256, &size);
        if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1)
            whole->identity.not_after_s = (int64_t)timegm(&time);
    }
    GENERAL_NAMES_free(names);
    return whole ? 0 : SIMC_ENOMEM;
}

void simc__uv_identity_free(struct simc_uv_identity *identity)
{
    simc_free(identity);
}

bool simc_uv_identity_has(const struct simc_uv_identity *identity, enum simc_uv_name_type type,
                          const char *name)
{
    for (size_t i = 0; identity && i < identity->name_count; i++) {
        if (identity->types[i] != type)
            continue;
        if (type == SIMC_UV_NAME_DNS ? strcasecmp(identity->names[i], name) == 0
                                     : strcmp(identity->names[i], name) == 0)
            return true;
    }
    return false;
}
