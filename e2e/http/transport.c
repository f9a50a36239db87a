/* What libcurl is told beside the request (`curl:` of a step), and what it knows of the connection afterwards. */
#include "e2e/http/transport.h"

#include "base/units.h"
#include "e2e/http/http.h"
#include "e2e/kind.h"
#include "e2e/value/query.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct option_row {
    const char *name;
    CURLoption option;
    enum { A_TEXT, A_FILE, A_FLAG, A_NUMBER, A_TIME, A_LIST, A_VERSION, A_FAMILY, A_NETRC, A_AUTH } kind;
};

static const struct option_row rows[] = {
    {"auth", CURLOPT_HTTPAUTH, A_AUTH},
    {"aws-sigv4", CURLOPT_AWS_SIGV4, A_TEXT},
    {"cert", CURLOPT_SSLCERT, A_FILE},
    {"connect-timeout", CURLOPT_CONNECTTIMEOUT_MS, A_TIME},
    {"connect-to", CURLOPT_CONNECT_TO, A_LIST},
    {"http", CURLOPT_HTTP_VERSION, A_VERSION},
    {"ip", CURLOPT_IPRESOLVE, A_FAMILY},
    {"key", CURLOPT_SSLKEY, A_FILE},
    {"key-password", CURLOPT_KEYPASSWD, A_TEXT},
    {"limit-rate", CURLOPT_MAX_RECV_SPEED_LARGE, A_NUMBER},
    {"max-filesize", CURLOPT_MAXFILESIZE_LARGE, A_NUMBER},
    {"netrc", CURLOPT_NETRC, A_NETRC},
    {"netrc-file", CURLOPT_NETRC_FILE, A_FILE},
    {"noproxy", CURLOPT_NOPROXY, A_TEXT},
    {"path-as-is", CURLOPT_PATH_AS_IS, A_FLAG},
    {"pinnedpubkey", CURLOPT_PINNEDPUBLICKEY, A_TEXT},
    {"proxy", CURLOPT_PROXY, A_TEXT},
    {"resolve", CURLOPT_RESOLVE, A_LIST},
    {"unix-socket", CURLOPT_UNIX_SOCKET_PATH, A_TEXT},
    {"user", CURLOPT_USERPWD, A_TEXT},
};
#define ROWS (sizeof rows / sizeof rows[0])

static const struct option_row *row_of(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* ---- loading ---- */

int http_transport_check(const struct node *map, struct error *err)
{
    const char *names[ROWS + 1] = {NULL};
    if (map == NULL)
        return 0;
    for (size_t i = 0; i < ROWS; i++)
        names[i] = rows[i].name;
    return node_only_keys(map, names, err);
}

/* ---- telling ---- */

static long version_of(const char *v)
{
    return strcmp(v, "1.0") == 0   ? CURL_HTTP_VERSION_1_0
           : strcmp(v, "1.1") == 0 ? CURL_HTTP_VERSION_1_1
           : strcmp(v, "2") == 0   ? CURL_HTTP_VERSION_2_0
                                   : -1;
}

static unsigned long auth_of(const char *name)
{
    return strcmp(name, "basic") == 0       ? CURLAUTH_BASIC
           : strcmp(name, "digest") == 0    ? CURLAUTH_DIGEST
           : strcmp(name, "ntlm") == 0      ? CURLAUTH_NTLM
           : strcmp(name, "negotiate") == 0 ? CURLAUTH_NEGOTIATE
                                            : 0;
}

/* One text, or a list of them. */
static CURLcode add_to_list(CURL *easy, const struct option_row *row, const json_t *value, const char *text,
                            struct http_transport *t)
{
    struct curl_slist **list = &t->lists[row->option == CURLOPT_RESOLVE];
    bool many = json_is_array(value);
    for (size_t i = 0; i < (many ? json_array_size(value) : 1); i++) {
        const char *one = many ? json_string_value(json_array_get(value, i)) : text;
        struct curl_slist *longer = one != NULL ? curl_slist_append(*list, one) : NULL;
        if (longer == NULL)
            return one != NULL ? CURLE_OUT_OF_MEMORY : CURLE_BAD_FUNCTION_ARGUMENT;
        *list = longer;
    }
    return curl_easy_setopt(easy, row->option, *list);
}

static int apply_one(struct flow_context *x, CURL *easy, const struct option_row *row, const struct node *n,
                     const json_t *value, struct http_transport *t)
{
    struct text text = TEXT_INIT, path = TEXT_INIT;
    CURLcode set = CURLE_OK;
    int64_t number = 0;
    int code = 0;
    value_text(value, &text);
    const char *s = text_string(&text);
    if (row->kind == A_FILE) {
        path_beside(document_name(n->document), s, &path);
        set = curl_easy_setopt(easy, row->option, text_string(&path));
        if (row->option == CURLOPT_NETRC_FILE)
            curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    } else if (row->kind == A_TEXT) {
        set = curl_easy_setopt(easy, row->option, s);
    } else if (row->kind == A_LIST) {
        set = add_to_list(easy, row, value, s, t);
    } else if (row->kind == A_FLAG) {
        set = curl_easy_setopt(easy, row->option, strcmp(s, "false") != 0 ? 1L : 0L);
    } else if (row->kind == A_AUTH) {
        unsigned long how = auth_of(s);
        set = how != 0 ? curl_easy_setopt(easy, row->option, how) : CURLE_BAD_FUNCTION_ARGUMENT;
    } else if (row->kind == A_VERSION || row->kind == A_FAMILY) {
        long known = row->kind == A_VERSION ? version_of(s) : s[0] == '6' ? CURL_IPRESOLVE_V6 : CURL_IPRESOLVE_V4;
        set = known >= 0 ? curl_easy_setopt(easy, row->option, known) : CURLE_UNSUPPORTED_PROTOCOL;
    } else if (row->kind == A_NETRC) {
        long how = strcmp(s, "optional") == 0 ? CURL_NETRC_OPTIONAL : CURL_NETRC_REQUIRED;
        set = strcmp(s, "false") == 0 ? CURLE_OK : curl_easy_setopt(easy, row->option, how);
    } else if (row->kind == A_TIME) {
        bool is = units_parse_duration(s, &number, NULL) == 0;
        set = is ? curl_easy_setopt(easy, row->option, (long)(number / MILLISECOND)) : CURLE_BAD_FUNCTION_ARGUMENT;
    } else {
        bool is = units_parse_integer(s, 0, INT64_MAX, &number, NULL) == 0;
        set = is ? curl_easy_setopt(easy, row->option, (curl_off_t)number) : CURLE_BAD_FUNCTION_ARGUMENT;
    }
    if (!text_ok(&text) || !text_ok(&path) || set == CURLE_OUT_OF_MEMORY)
        code = flow_memory(x);
    else if (set != CURLE_OK)
        code = flow_wrong(x, n, ERROR_INVALID, "\"%s\": libcurl does not take \"%s\": %s", row->name, s,
                          curl_easy_strerror(set));
    text_deinit(&text);
    text_deinit(&path);
    return code;
}

int http_transport_apply(struct flow_context *x, void *easy, const struct http_request *r, struct http_transport *t)
{
    const struct node *map = r->transport;
    int code = 0;
    if (r->decode && curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OUT_OF_MEMORY)
        return flow_memory(x);
    if (r->facts)
        curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    for (size_t i = 0; map != NULL && i < map->map.count && code == 0; i++) {
        const struct node_pair *p = &map->map.pairs[i];
        const struct option_row *row = row_of(p->key);
        json_t *value = row != NULL ? expand_node(x, &p->value) : NULL;
        if (row == NULL) /* checked when it was loaded */
            continue;
        if (value == NULL)
            return x->error.code;
        bool ok = row->option != CURLOPT_PROXY || curl_easy_setopt(easy, CURLOPT_NOPROXY, "") != CURLE_OUT_OF_MEMORY;
        code = ok ? apply_one(x, easy, row, &p->value, value, t) : flow_memory(x);
        json_decref(value);
    }
    return code;
}

void http_transport_deinit(struct http_transport *t)
{
    for (size_t i = 0; i < 2; i++)
        curl_slist_free_all(t->lists[i]);
    *t = (struct http_transport){0};
}

/* ---- asking ---- */

/* "Nov 22 11:08:17 2026 GMT" */
static json_t *certificate_date(const char *s)
{
    struct tm tm = {0};
    bool is = strptime(s, "%b %d %H:%M:%S %Y", &tm) != NULL;
    return is ? query_date_value((int64_t)timegm(&tm) * 1000000) : json_string(s);
}

/* "2dbb19" as "2d:bb:19" */
static json_t *serial_number(const char *hex)
{
    struct text out = TEXT_INIT;
    size_t len = strlen(hex);
    bool bare = strspn(hex, "0123456789abcdefABCDEF") == len;
    for (size_t i = 0; i < len; i++) {
        text_puts(&out, bare && i > 0 && i % 2 == 0 ? ":" : "");
        text_char(&out, hex[i]);
    }
    json_t *value = text_ok(&out) ? json_string(text_string(&out)) : NULL;
    text_deinit(&out);
    return value;
}

/* Of the server's own certificate, the first of the chain. False: no memory. */
static bool add_certificate(CURL *easy, json_t *to_facts)
{
    static const char *const from[] = {"Subject:", "Issuer:", "Start date:", "Expire date:", "Serial Number:"};
    static const char *const to[] = {"Subject", "Issuer", "Start-Date", "Expire-Date", "Serial-Number"};
    struct curl_certinfo *info = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL || info->num_of_certs == 0)
        return true;
    json_t *out = json_object();
    bool ok = out != NULL;
    for (const struct curl_slist *l = info->certinfo[0]; l != NULL; l = l->next)
        for (size_t i = 0; i < sizeof from / sizeof from[0]; i++)
            if (strncmp(l->data, from[i], strlen(from[i])) == 0) {
                const char *value = l->data + strlen(from[i]);
                json_t *v = i == 2 || i == 3 ? certificate_date(value)
                            : i == 4         ? serial_number(value)
                                             : value_of_bytes(bytes_of(value));
                ok = json_object_set_new(out, to[i], v) == 0 && ok;
            }
    ok = ok && json_object_set(to_facts, "certificate", out) == 0;
    json_decref(out);
    return ok;
}

json_t *http_transport_facts(void *easy)
{
    static const struct {
        long version;
        const char *name;
    } versions[] = {{CURL_HTTP_VERSION_1_0, "1.0"},
                    {CURL_HTTP_VERSION_1_1, "1.1"},
                    {CURL_HTTP_VERSION_2_0, "2"},
                    {CURL_HTTP_VERSION_3, "3"}};
    long version = 0;
    const char *ip = NULL;
    json_t *out = json_object();
    bool ok = out != NULL && add_certificate(easy, out);
    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (versions[i].version == version)
            ok = ok && json_object_set_new(out, "version", json_string(versions[i].name)) == 0;
    if (ip != NULL && ip[0] != '\0')
        ok = ok && json_object_set_new(out, "ip", json_string(ip)) == 0;
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}
