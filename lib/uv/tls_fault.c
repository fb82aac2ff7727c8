/* SPDX-License-Identifier: BSL-1.0 */
/* Sentences for what goes wrong in TLS: our own checks of the peer's certificate, the alerts that
 * the peer sends, and OpenSSL's other reasons. tls_stream.c calls it. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "uv/internal.h"

struct row {
    long code;
    const char *text;
};

#define UNKNOWN_CA                                                                             \
    "the peer's certificate was made by a CA that is not in the CA file of this side; put it " \
    "there, or give the peer one of a CA that is"

/* What is wrong with the peer's certificate. */
static const struct row certificate_rows[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED,
     "the peer's certificate has expired (or that of its CA); the peer needs a new one"},
    {X509_V_ERR_CERT_NOT_YET_VALID,
     "the peer's certificate is not valid yet; compare the clocks of both machines"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, UNKNOWN_CA},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, UNKNOWN_CA},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     "the peer's certificate is self-signed, and is not in the CA file of this side; put it there, "
     "or give the peer one of a CA that is"},
    {X509_V_ERR_INVALID_PURPOSE,
     "the peer's certificate is not for this use (look at its extendedKeyUsage: a server needs "
     "serverAuth, a client clientAuth)"},
    {X509_V_ERR_HOSTNAME_MISMATCH,
     "the peer's certificate does not have the expected name among its subjectAltNames; configure "
     "a server name that it has, or give the peer one that has this name"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH,
     "the peer's certificate does not have the expected IP address among its subjectAltNames; "
     "configure a server name that it has, or give the peer one that has this address"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "the signature of the peer's certificate is wrong"},
    {X509_V_ERR_CERT_REVOKED, "the peer's certificate has been revoked"},
    {X509_V_ERR_INVALID_CA, "the peer's certificate was made with one that is none of a CA"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "the key of the peer's certificate is too short"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "the key of the peer's CA is too short"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "the peer's certificate is signed with a hash that is too weak"},
};

/* What the peer tells us by an alert (RFC 8446 clause 6). */
static const struct row alert_rows[] = {
    {SSL_AD_UNEXPECTED_MESSAGE, "the peer did not expect what it got"},
    {SSL_AD_BAD_RECORD_MAC, "the peer received damaged data"},
    {SSL_AD_HANDSHAKE_FAILURE, "the peer found no cipher or certificate that both sides know"},
    {SSL_AD_BAD_CERTIFICATE, "the peer does not accept the certificate of this side"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE,
     "the certificate of this side is not for this use, says the peer"},
    {SSL_AD_CERTIFICATE_REVOKED, "the certificate of this side has been revoked, says the peer"},
    {SSL_AD_CERTIFICATE_EXPIRED, "the certificate of this side has expired, says the peer"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "the peer does not accept the certificate of this side"},
    {SSL_AD_UNKNOWN_CA, "the peer does not know the CA of this side's certificate; configure one "
                        "that its CA has made"},
    {SSL_AD_ACCESS_DENIED, "the peer denies access to the certificate of this side"},
    {SSL_AD_DECRYPT_ERROR, "a signature or key exchange failed, says the peer"},
    {SSL_AD_PROTOCOL_VERSION, "the peer accepts other versions of TLS only"},
    {SSL_AD_INSUFFICIENT_SECURITY, "the peer wants stronger ciphers"},
    {SSL_AD_INTERNAL_ERROR, "the peer has an internal error"},
    {SSL_AD_UNRECOGNIZED_NAME, "the peer does not serve the name that was asked for"},
    {SSL_AD_CERTIFICATE_REQUIRED,
     "the peer wants a certificate from this side, and none was sent; configure one that its CA "
     "has made"},
};

static const struct row reason_rows[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     "the peer has sent no certificate, and this side wants one of a CA in its CA file"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer speaks older versions of TLS only than this side takes"},
    {SSL_R_NO_SHARED_CIPHER, "the two sides have no cipher in common"},
    {SSL_R_WRONG_VERSION_NUMBER,
     "the peer sent something that is not TLS; switch it on there, or off here"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "data from the peer arrived damaged"},
    {SSL_R_UNEXPECTED_MESSAGE, "the peer sent a message of TLS where it does not belong"},
    {SSL_R_NO_RENEGOTIATION, "the peer wants to renegotiate, which is not allowed"},
    {SSL_R_TOO_MANY_KEY_UPDATES, "the peer changes its keys too often"},
    {ERR_R_MALLOC_FAILURE, "no memory"},
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char *find(const struct row *rows, size_t count, long code)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].code == code)
            return rows[i].text;
    }
    return NULL;
}

static void put(char text[SIMC_UV_TEXT_SIZE], const char *known, const char *other)
{
    snprintf(text, SIMC_UV_TEXT_SIZE, "TLS: %s", known ? known : other);
}

static void certificate_text(const SSL *ssl, char text[SIMC_UV_TEXT_SIZE])
{
    long result = SSL_get_verify_result(ssl);
    const char *known = find(certificate_rows, COUNT(certificate_rows), result);
    if (known)
        put(text, known, NULL);
    else
        snprintf(text, SIMC_UV_TEXT_SIZE, "TLS: the peer's certificate is not accepted: %s",
                 X509_verify_cert_error_string(result));
}

void simc__uv_tls_fault_text(void *ssl, char text[SIMC_UV_TEXT_SIZE])
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    const char *words = ERR_reason_error_string(code);
    if (code == 0)
        put(text, NULL, "the peer broke the rules");
    else if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        put(text, find(reason_rows, COUNT(reason_rows), reason), words ? words : "an error");
    else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        certificate_text(ssl, text);
    else if (reason >= SSL_AD_REASON_OFFSET)
        put(text, find(alert_rows, COUNT(alert_rows), reason - SSL_AD_REASON_OFFSET),
            words ? words : "the peer sent an alert");
    else
        put(text, find(reason_rows, COUNT(reason_rows), reason), words ? words : "an error");
    ERR_clear_error();
}
