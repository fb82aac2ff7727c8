/* SPDX-License-Identifier: BSL-1.0 */
/* Certificates and rules for TLS: files become an SSL_CTX, which a reload exchanges as a whole.
 * Daemons make it for their servers and clients; tls_stream.c takes an SSL of it for each one. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "uv/internal.h"

/* A longer name is cut, so that the reason behind it is not. */
enum { PATH_SHOWN_MAX = 120 };

struct simc_uv_tls {
    uv_mutex_t mutex; /* of the context and of `expires_s` */
    SSL_CTX *context;
    int64_t expires_s;
    bool is_server, tls12;
    char *certificate_file, *key_file, *ca_file;
};

/* ---- files ---- */

/* Says what is wrong with a file. The queue of OpenSSL's errors is emptied. */
static int fault(char why[SIMC_UV_TEXT_SIZE], int error, const char *what, const char *path,
                 const char *reason)
{
    ERR_clear_error();
    snprintf(why, SIMC_UV_TEXT_SIZE, "%s %.*s: %s", what, PATH_SHOWN_MAX, path, reason);
    return error;
}

/* OpenSSL tells a missing file and a wrong one apart only in words: looks first. */
static int check_file(const char *what, const char *path, bool is_secret,
                      char why[SIMC_UV_TEXT_SIZE])
{
    struct stat about;
    FILE *file = fopen(path, "r");
    if (!file || fstat(fileno(file), &about)) {
        int error = errno;
        if (file)
            fclose(file);
        return fault(why, SIMC_EIO, what, path, strerror(error));
    }
    fclose(file);
    if (S_ISDIR(about.st_mode))
        return fault(why, SIMC_EIO, what, path, "it is a folder");
    if (is_secret && about.st_mode & S_IRWXO)
        return fault(why, SIMC_EIO, what, path,
                     "every user may read it or change it; take that away with chmod o-rwx");
    return 0;
}

/* A key with a passphrase must not make the daemon ask on its terminal. */
static int no_passphrase(char *text, int size, int is_writing, void *context)
{
    (void)text, (void)size, (void)is_writing;
    *(bool *)context = true;
    return -1;
}

static int read_certificate(SSL_CTX *context, const char *path, char why[SIMC_UV_TEXT_SIZE])
{
    int error = check_file("the certificate", path, false, why);
    if (error)
        return error;
    if (SSL_CTX_use_certificate_chain_file(context, path) == 1)
        return 0;
    return fault(why, SIMC_ESYNTAX, "the certificate", path,
                 "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----) that can be "
                 "used");
}

static int read_key(SSL_CTX *context, const char *path, const char *certificate,
                    char why[SIMC_UV_TEXT_SIZE])
{
    bool is_encrypted = false;
    int error = check_file("the private key", path, true, why);
    if (error)
        return error;
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &is_encrypted);
    int is_read = SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM);
    unsigned long code = ERR_peek_last_error();
    bool differs =
        ERR_GET_LIB(code) == ERR_LIB_X509 && (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
                                              ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (is_encrypted)
        return fault(why, SIMC_ESYNTAX, "the private key", path,
                     "it is encrypted with a passphrase; store it without one "
                     "(openssl pkey -in FILE -out NEW)");
    if (is_read == 1 && SSL_CTX_check_private_key(context) == 1)
        return 0;
    if (is_read != 1 && !differs)
        return fault(why, SIMC_ESYNTAX, "the private key", path,
                     "it holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
    ERR_clear_error();
    snprintf(why, SIMC_UV_TEXT_SIZE, "the private key %.*s does not belong to the certificate %.*s",
             PATH_SHOWN_MAX - 40, path, PATH_SHOWN_MAX - 40, certificate);
    return SIMC_ESYNTAX;
}

static int read_ca(SSL_CTX *context, const struct simc_uv_tls *tls, char why[SIMC_UV_TEXT_SIZE])
{
    if (!tls->ca_file) {
        if (tls->is_server || SSL_CTX_set_default_verify_paths(context) == 1)
            return 0;
        return fault(why, SIMC_EIO, "the CA certificates of", "the system", "cannot be read");
    }
    int error = check_file("the CA certificates", tls->ca_file, false, why);
    if (error)
        return error;
    if (SSL_CTX_load_verify_file(context, tls->ca_file) != 1)
        return fault(why, SIMC_ESYNTAX, "the CA certificates", tls->ca_file,
                     "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
    if (!tls->is_server)
        return 0;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(tls->ca_file);
    if (!names)
        return fault(why, SIMC_ENOMEM, "the CA certificates", tls->ca_file, "no memory");
    SSL_CTX_set_client_CA_list(context, names);
    return 0;
}

static int64_t expiry(const SSL_CTX *context)
{
    struct tm time;
    X509 *own = SSL_CTX_get0_certificate(context);
    if (!own || ASN1_TIME_to_tm(X509_get0_notAfter(own), &time) != 1)
        return INT64_MAX;
    return (int64_t)timegm(&time);
}

/* ---- rules ---- */

/* What TLS 1.2 may use, if at all: forward secrecy and AEAD. */
static const char ciphers_of_12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

static bool set_rules(SSL_CTX *context, const struct simc_uv_tls *tls)
{
    int verify = SSL_VERIFY_NONE;
    if (!tls->is_server)
        verify = SSL_VERIFY_PEER;
    else if (tls->ca_file)
        verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, verify, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_num_tickets(context, 0) == 1 &&
           SSL_CTX_set_min_proto_version(context, tls->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) ==
               1 &&
           SSL_CTX_set_cipher_list(context, ciphers_of_12) == 1;
}

/* A context of the files as they are now. */
static int make_context(const struct simc_uv_tls *tls, char why[SIMC_UV_TEXT_SIZE],
                        SSL_CTX **context)
{
    ERR_clear_error();
    SSL_CTX *made = SSL_CTX_new(tls->is_server ? TLS_server_method() : TLS_client_method());
    int error = made && set_rules(made, tls) ? 0 : SIMC_ENOMEM;
    if (error)
        snprintf(why, SIMC_UV_TEXT_SIZE, "TLS cannot be set up: %s", simc_error_text(error));
    if (!error && tls->certificate_file)
        error = read_certificate(made, tls->certificate_file, why);
    if (!error && tls->certificate_file)
        error = read_key(made, tls->key_file ? tls->key_file : tls->certificate_file,
                         tls->certificate_file, why);
    if (!error)
        error = read_ca(made, tls, why);
    ERR_clear_error();
    if (error) {
        SSL_CTX_free(made);
        return error;
    }
    why[0] = '\0';
    *context = made;
    return 0;
}

/* ---- what the application calls ---- */

static bool copy_path(char **copy, const char *path)
{
    size_t size = path ? strlen(path) + 1 : 0;
    *copy = path ? simc_alloc(size) : NULL;
    if (*copy)
        memcpy(*copy, path, size);
    return *copy || !path;
}

static int fill(struct simc_uv_tls *tls, const struct simc_uv_tls_settings *settings,
                char why[SIMC_UV_TEXT_SIZE])
{
    tls->is_server = settings->is_server;
    tls->tls12 = settings->tls12;
    if (!copy_path(&tls->certificate_file, settings->certificate_file) ||
        !copy_path(&tls->key_file, settings->key_file) ||
        !copy_path(&tls->ca_file, settings->ca_file)) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "%s", simc_error_text(SIMC_ENOMEM));
        return SIMC_ENOMEM;
    }
    if (!tls->certificate_file && (tls->is_server || tls->key_file)) {
        snprintf(why, SIMC_UV_TEXT_SIZE,
                 tls->is_server ? "a TLS server needs a certificate file"
                                : "a private key is of no use without a certificate file");
        return SIMC_EINVAL;
    }
    int error = make_context(tls, why, &tls->context);
    if (!error)
        tls->expires_s = expiry(tls->context);
    return error;
}

static void release(struct simc_uv_tls *tls)
{
    SSL_CTX_free(tls->context);
    simc_free(tls->certificate_file);
    simc_free(tls->key_file);
    simc_free(tls->ca_file);
    simc_free(tls);
}

int simc_uv_tls_new(const struct simc_uv_tls_settings *settings, char why[SIMC_UV_TEXT_SIZE],
                    struct simc_uv_tls **tls)
{
    *tls = NULL;
    struct simc_uv_tls *made = simc_calloc(1, sizeof *made);
    if (!made) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "%s", simc_error_text(SIMC_ENOMEM));
        return SIMC_ENOMEM;
    }
    int error = fill(made, settings, why);
    if (!error && uv_mutex_init(&made->mutex)) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "%s", simc_error_text(SIMC_ENOMEM));
        error = SIMC_ENOMEM;
    }
    if (error)
        release(made);
    else
        *tls = made;
    return error;
}

int simc_uv_tls_reload(struct simc_uv_tls *tls, char why[SIMC_UV_TEXT_SIZE])
{
    SSL_CTX *context, *old;
    int error = make_context(tls, why, &context);
    if (error)
        return error;
    uv_mutex_lock(&tls->mutex);
    old = tls->context;
    tls->context = context;
    tls->expires_s = expiry(context);
    uv_mutex_unlock(&tls->mutex);
    SSL_CTX_free(old);
    return 0;
}

int64_t simc_uv_tls_expires_s(struct simc_uv_tls *tls)
{
    uv_mutex_lock(&tls->mutex);
    int64_t expires_s = tls->expires_s;
    uv_mutex_unlock(&tls->mutex);
    return expires_s;
}

void simc_uv_tls_free(struct simc_uv_tls *tls)
{
    if (!tls)
        return;
    uv_mutex_destroy(&tls->mutex);
    release(tls);
}

bool simc__uv_tls_is_server(const struct simc_uv_tls *tls)
{
    return tls->is_server;
}

void *simc__uv_tls_ssl_new(struct simc_uv_tls *tls)
{
    uv_mutex_lock(&tls->mutex);
    SSL *ssl = SSL_new(tls->context);
    uv_mutex_unlock(&tls->mutex);
    if (ssl && tls->is_server)
        SSL_set_accept_state(ssl);
    else if (ssl)
        SSL_set_connect_state(ssl);
    return ssl;
}
