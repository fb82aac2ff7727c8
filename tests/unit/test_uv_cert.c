/* SPDX-License-Identifier: BSL-1.0 */
/* Certificates for the tests of TLS, made by openssl; see test_uv_cert.h. */
#include "test_uv_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[CERT_PATH_SIZE / 2];

const char *cert_path(const char *name)
{
    static char paths[8][CERT_PATH_SIZE];
    static unsigned at;
    char *path = paths[at++ % UNIT_COUNT(paths)];
    snprintf(path, sizeof paths[0], "%s/%.40s", folder, name);
    return path;
}

/* Makes the certificates once for all tests of the suite, each of which is a child: CA "ca" and one
 * that nobody knows, "other"; server and client of both; one that has expired; others. */
static const char script[] =
    "set -e; cd \"$1\"; exec >log 2>&1\n"
    "key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $1.key; }\n"
    "ca() { key $1; openssl req -x509 -new -key $1.key -subj \"/CN=$1\" -days 30 -out $1.pem; }\n"
    "cert() { key $1; openssl req -new -key $1.key -subj '/CN=CN is not looked at' -out $1.csr\n"
    "  printf '%s\\n' \"subjectAltName=$3\" \"extendedKeyUsage=$4\" >$1.ext\n"
    "  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days $5 \\\n"
    "    -extfile $1.ext -out $1.pem; }\n"
    "ca ca; ca other\n"
    "cert server ca DNS:LocalHost,DNS:*.example.org,IP:127.0.0.1,URI:spiffe://example.org/ecmg,"
    "IP:2001:db8::1 serverAuth 30\n"
    "cert client ca DNS:scs.example.org,email:a@example.org,IP:192.0.2.1 clientAuth 30\n"
    "cert named ca DNS:ecmg.example.org serverAuth 30\n"
    "cert stranger other DNS:localhost,IP:127.0.0.1 serverAuth,clientAuth 30\n"
    "key expired; openssl req -new -key expired.key -subj /CN=x -out expired.csr\n"
    "mkdir -p new; touch index; echo 01 >serial\n"
    "printf '%s\\n' '[ca]' 'default_ca=c' '[c]' 'database=index' 'new_certs_dir=new' "
    "'serial=serial' 'default_md=sha256' 'policy=p' 'x509_extensions=e' '[p]' 'CN=supplied' '[e]' "
    "'subjectAltName=DNS:localhost,IP:127.0.0.1' >ca.conf\n"
    "openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca.key -in expired.csr -notext "
    "-startdate 20200101000000Z -enddate 20200201000000Z -out expired.pem\n"
    "openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca.key -in expired.csr -notext "
    "-subj /CN=y -startdate 20400101000000Z -enddate 20410101000000Z -out future.pem\n"
    "openssl pkcs8 -topk8 -in server.key -passout pass:secret -out locked.key\n"
    "cat server.pem server.key >both.pem; chmod 600 *.key both.pem\n"
    "cp server.key open.key; chmod 644 open.key; echo nonsense >wrong.pem; chmod 600 wrong.pem\n";

void cert_make_all(void)
{
    int status;
    snprintf(folder, sizeof folder, "/tmp/simc-uv-tls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sh", "sh", "-c", script, "sh", folder, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                  "openssl has not made the certificates: see %s/log", folder);
}

void cert_remove_all(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", folder, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
}

/* Settings by the names of files; NULL: none. */
int cert_try_tls(bool is_server, const char *certificate, const char *key, const char *ca,
                 char why[SIMC_UV_TEXT_SIZE], struct simc_uv_tls **tls)
{
    struct simc_uv_tls_settings settings = {.is_server = is_server,
                                            .certificate_file =
                                                certificate ? cert_path(certificate) : NULL,
                                            .key_file = key ? cert_path(key) : NULL,
                                            .ca_file = ca ? cert_path(ca) : NULL};
    return simc_uv_tls_new(&settings, why, tls);
}

struct simc_uv_tls *cert_tls(bool is_server, const char *name, const char *ca)
{
    char certificate[32], key[32], why[SIMC_UV_TEXT_SIZE] = "?";
    struct simc_uv_tls *tls;
    snprintf(certificate, sizeof certificate, "%s.pem", name ? name : "");
    snprintf(key, sizeof key, "%s.key", name && strcmp(name, "future") ? name : "expired");
    int error =
        cert_try_tls(is_server, name ? certificate : NULL, name ? key : NULL, ca, why, &tls);
    ck_assert_msg(error == 0, "%s", why);
    ck_assert_str_eq(why, "");
    return tls;
}
