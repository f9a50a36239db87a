/* [Options] of an entry: keys of its step, or steps around it. Those of the command line (settings.c) stand behind
 * them, for entries that do not say the same themselves. What has no meaning here is in docs/flows-hurl.md. */
#include "e2e/import/hurl/hurl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option_row {
    const char *name;
    enum {
        OPTION_IGNORED, /* how Hurl's own program prints */
        OPTION_REFUSED,
        OPTION_BOOL,
        OPTION_INT,
        OPTION_TIME,    /* milliseconds unless a unit stands behind */
        OPTION_SECONDS, /* seconds unless a unit stands behind */
        OPTION_STRING,
        OPTION_FILE,    /* named from the folder that the command runs in */
        OPTION_PRODUCT, /* written: below the file root, or on the command line from that folder */
        OPTION_VARIABLE,
    } kind;
    const char *to; /* "curl.proxy" is a key of the step's `curl` */
};

/* In Hurl's order. */
static const struct option_row rows[] = {
    {"aws-sigv4", OPTION_STRING, "curl.aws-sigv4"},
    {"cacert", OPTION_FILE, "tls.ca"},
    {"cert", OPTION_FILE, "curl.cert"},
    {"compressed", OPTION_BOOL, "compressed"},
    {"connect-timeout", OPTION_SECONDS, "curl.connect-timeout"},
    {"connect-to", OPTION_STRING, "curl.connect-to"},
    {"delay", OPTION_TIME, "wait"},
    {"digest", OPTION_BOOL, "curl.auth=digest"},
    {"header", OPTION_STRING, "header"},
    {"http1.0", OPTION_BOOL, "curl.http=1.0"},
    {"http1.1", OPTION_BOOL, "curl.http=1.1"},
    {"http2", OPTION_BOOL, "curl.http=2"},
    {"http3", OPTION_REFUSED, NULL},
    {"insecure", OPTION_BOOL, "tls.insecure"},
    {"ipv4", OPTION_BOOL, "curl.ip=4"},
    {"ipv6", OPTION_BOOL, "curl.ip=6"},
    {"key", OPTION_FILE, "curl.key"},
    {"limit-rate", OPTION_INT, "curl.limit-rate"},
    {"location", OPTION_BOOL, "location"},
    {"location-trusted", OPTION_BOOL, "location-trusted"},
    {"max-filesize", OPTION_INT, "curl.max-filesize"},
    {"max-redirs", OPTION_INT, "max-redirs"},
    {"max-time", OPTION_SECONDS, "timeout"},
    {"negotiate", OPTION_BOOL, "curl.auth=negotiate"},
    {"netrc", OPTION_BOOL, "curl.netrc"},
    {"netrc-file", OPTION_FILE, "curl.netrc-file"},
    {"netrc-optional", OPTION_BOOL, "curl.netrc=optional"},
    {"noproxy", OPTION_STRING, "curl.noproxy"},
    {"ntlm", OPTION_BOOL, "curl.auth=ntlm"},
    {"output", OPTION_PRODUCT, "save"},
    {"path-as-is", OPTION_BOOL, "path-as-is"},
    {"pinnedpubkey", OPTION_STRING, "curl.pinnedpubkey"},
    {"proxy", OPTION_STRING, "curl.proxy"},
    {"repeat", OPTION_INT, "repeat"},
    {"resolve", OPTION_STRING, "curl.resolve"},
    {"retry", OPTION_INT, "retry"},
    {"retry-interval", OPTION_TIME, "retry_interval"},
    {"skip", OPTION_BOOL, "skip"},
    {"unix-socket", OPTION_STRING, "curl.unix-socket"},
    {"user", OPTION_STRING, "user"},
    {"user-agent", OPTION_STRING, "header.User-Agent"},
    {"variable", OPTION_VARIABLE, NULL},
    {"verbose", OPTION_IGNORED, NULL},
    {"verbosity", OPTION_IGNORED, NULL},
    {"very-verbose", OPTION_IGNORED, NULL},
};
#define ROWS (sizeof rows / sizeof rows[0])

struct reading {
    struct hurl *h;
    struct build_node *step;
    struct hurl_options *o;
};

static const struct option_row *find(struct hurl *h, const char *name, size_t at)
{
    const char *names[ROWS + HURL_FILE_OPTIONS + 1] = {NULL};
    for (size_t i = 0; i < ROWS; i++) {
        names[i] = rows[i].name;
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    for (size_t i = 0; h->raw && i < HURL_FILE_OPTIONS; i++) /* on the command line */
        names[ROWS + i] = hurl_file_options[i];
    const char *near = nearest_word(name, names);
    if (near != NULL)
        scan_fail(&h->s, at, "there is no option %s: did you mean %s?", name, near);
    else
        scan_fail(&h->s, at, "there is no option %s", name);
    return NULL;
}

static struct build_node *bool_value(struct hurl *h, size_t at, struct text *t)
{
    const char *s = text_string(t);
    struct build_node *n = NULL;
    if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0) {
        n = build_bool(&h->b, at, s[0] == 't');
        text_deinit(t);
    } else if (hurl_is_variable(s)) {
        n = hurl_node(h, at, t);
    } else {
        scan_fail(&h->s, at, "expected true, false or a variable");
    }
    return n;
}

static struct build_node *int_value(struct hurl *h, size_t at, struct text *t)
{
    const char *s = text_string(t);
    char *end;
    long long value = strtoll(s, &end, 10);
    struct build_node *n = NULL;
    if (s[0] != '\0' && *end == '\0' && value < -1) {
        scan_fail(&h->s, at, "expected a number from 0 on, or -1 for one without end");
    } else if (s[0] != '\0' && *end == '\0') {
        n = build_integer(&h->b, at, value);
        text_deinit(t);
    } else if (hurl_is_variable(s)) {
        n = hurl_node(h, at, t);
    } else {
        scan_fail(&h->s, at, "expected a whole number or a variable");
    }
    return n;
}

static struct build_node *time_value(struct hurl *h, size_t at, struct text *t, const char *unit)
{
    const char *s = text_string(t);
    size_t digits = strspn(s, "0123456789");
    const char *behind = s + digits;
    if (hurl_is_variable(s))
        return hurl_node(h, at, t);
    if (digits == 0 || (strcmp(behind, "") != 0 && strcmp(behind, "ms") != 0 && strcmp(behind, "s") != 0 &&
                        strcmp(behind, "m") != 0 && strcmp(behind, "h") != 0)) {
        scan_fail(&h->s, at, "expected a time: a number and ms, s, m or h");
        return NULL;
    }
    if (*behind == '\0')
        text_puts(t, unit);
    return hurl_node(h, at, t);
}

/* "name=value": null, true, false, a number, or a text, in quotes or not. */
int hurl_variable(struct hurl *h, size_t at, struct build_node *names)
{
    struct scan *s = &h->s;
    struct text name = TEXT_INIT, value = TEXT_INIT;
    struct build_node *n = NULL;
    while (scan_char(s) > 0 && scan_char(s) != '=' && scan_char(s) != '\n')
        text_char(&name, (char)s->in.data[s->at++]);
    if (hurl_kept(h, &name) == 0 && !scan_take(s, "="))
        scan_fail(s, at, "expected name=value");
    else if (!variable_name_valid(text_string(&name)))
        scan_fail(s, at, "\"%s\" is no name for a variable: letters, digits, _ and -", text_string(&name));
    size_t from = s->at;
    bool quoted = s->code == 0 && !h->raw && scan_take(s, "\"");
    if (quoted)
        scan_quoted(s, '"', &value);
    else if (s->code == 0)
        hurl_value(h, &value);
    const char *text = text_string(&value);
    json_t *read = !quoted && s->code == 0 && text_ok(&value) ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    bool scalar = read != NULL && !json_is_object(read) && !json_is_array(read) && !json_is_string(read);
    if (s->code == 0)
        n = scalar ? build_json(&h->b, from, read) : build_text(&h->b, from, text, value.len);
    json_decref(read);
    static const char *const functions[] = {"newUuid", "newDate", "getEnv"};
    for (size_t i = 0; i < 3; i++)
        if (strcmp(text_string(&name), functions[i]) == 0)
            scan_fail(s, at, "\"%s\" is a function's name: take another for the variable", functions[i]);
    build_replace(&h->b, names, text_string(&name), n);
    text_deinit(&name);
    text_deinit(&value);
    return s->code;
}

static int variable(struct reading *r, size_t at)
{
    struct hurl *h = r->h;
    struct build_node *names = build_map(&h->b, at), *step = build_map(&h->b, at);
    hurl_variable(h, at, names);
    build_put(&h->b, step, "set", names);
    build_add(&h->b, r->o->before, step);
    return h->s.code;
}

/* "curl.http=2": set to that when the flag is true. */
static void put_to(struct reading *r, const char *to, struct build_node *value, bool is_true, size_t at)
{
    struct build *b = &r->h->b;
    char key[32];
    const char *dot = strchr(to, '.'), *equals = strchr(to, '=');
    const char *name = dot != NULL ? dot + 1 : to;
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    struct build_node *into = dot == NULL ? r->step : strncmp(to, "curl", 4) == 0 ? r->o->curl : r->o->tls;
    if (len >= sizeof key || (equals != NULL && !is_true))
        return;
    memcpy(key, name, len);
    key[len] = '\0';
    value = equals != NULL ? build_string(b, at, equals + 1) : value;
    if (strcmp(key, "resolve") != 0 && strcmp(key, "connect-to") != 0) {
        build_replace(b, into, key, value);
        return;
    }
    struct build_node *list = build_get(into, key);
    if (list == NULL) {
        list = build_list(b, at);
        build_put(b, into, key, list);
    }
    build_add(b, list, value);
}

/* A variable whose value expressions can take apart when it is known. */
static bool is_plain_variable(const char *s)
{
    return hurl_is_variable(s) && strpbrk(s, "-| ") == NULL;
}

/* "cert: client.pem:password", with "\\:" for a colon in the name. */
static void split_password(struct reading *r, size_t at, struct text *value)
{
    struct text file = TEXT_INIT, password = TEXT_INIT;
    const char *s = text_string(value), *p = s;
    if (is_plain_variable(s)) { /* parted when its value is known */
        text_printf(&password, "${= split(%.*s + ':', ':')[1]}", (int)value->len - 3, s + 2);
        build_replace(&r->h->b, r->o->curl, "key-password", hurl_node(r->h, at, &password));
        return;
    }
    for (; *p != '\0' && *p != ':'; p++)
        text_char(&file, *p == '\\' && p[1] == ':' ? *++p : *p);
    if (*p == ':')
        build_replace(&r->h->b, r->o->curl, "key-password", build_string(&r->h->b, at, p + 1));
    file.failed = file.failed || !text_ok(value);
    text_deinit(value);
    *value = file;
}

/* What a variable stands for is known when it runs; `split`: with a password behind ":". */
static void variable_file(const struct hurl *h, struct text *value, bool split)
{
    struct text name = TEXT_INIT, path = TEXT_INIT;
    text_printf(&name, split ? "split(%.*s, ':')[0]" : "%.*s", (int)value->len - 3, text_string(value) + 2);
    const char *n = text_string(&name);
    if (h->folder != NULL && strpbrk(h->folder, "'\\${}") == NULL)
        text_printf(&path, "${= %s startsWith '/' ? %s : '%s/' + %s}", n, n, h->folder, n);
    else
        text_printf(&path, "${= %s}", n);
    path.failed = path.failed || !text_ok(&name) || !text_ok(value);
    text_deinit(&name);
    text_deinit(value);
    *value = path;
}

void hurl_from_folder(const struct hurl *h, struct text *value, bool split)
{
    const char *s = text_string(value);
    struct text path = TEXT_INIT;
    if (is_plain_variable(s)) {
        variable_file(h, value, split);
        return;
    }
    if (h->folder == NULL || s[0] == '/' || strncmp(s, "${", 2) == 0)
        return;
    text_printf(&path, "%s/%s", h->folder, s);
    path.failed = path.failed || !text_ok(value);
    text_deinit(value);
    *value = path;
}

/* "header: name: value" */
static int header(struct reading *r, size_t at, struct text *line)
{
    struct build *b = &r->h->b;
    const char *s = text_string(line), *colon = strchr(s, ':');
    struct build_node *pair = build_map(b, at);
    if (colon == NULL && is_plain_variable(s)) { /* parted when its value is known */
        struct text name = TEXT_INIT, value = TEXT_INIT;
        int len = (int)strlen(s) - 3;
        text_printf(&name, "${= split(%.*s, ':')[0]}", len, s + 2);
        text_printf(&value, "${= trim(replace(%.*s, split(%.*s, ':')[0] + ':', ''))}", len, s + 2, len, s + 2);
        build_put(b, pair, "name", hurl_node(r->h, at, &name));
        build_put(b, pair, "value", hurl_node(r->h, at, &value));
        build_add(b, r->o->headers, pair);
        text_deinit(line);
        return 0;
    }
    if (colon == NULL || colon == s)
        return scan_fail(&r->h->s, at, "expected NAME: VALUE");
    build_put(b, pair, "name", build_text(b, at, s, (size_t)(colon - s)));
    build_put(b, pair, "value", build_string(b, at, colon + 1 + strspn(colon + 1, " ")));
    build_add(b, r->o->headers, pair);
    text_deinit(line);
    return 0;
}

static int one(struct reading *r, const struct option_row *row, size_t at)
{
    struct hurl *h = r->h;
    struct text value = TEXT_INIT;
    struct build_node *n = NULL;
    if (row->kind == OPTION_VARIABLE)
        return variable(r, h->s.at);
    if (row->kind == OPTION_REFUSED)
        return scan_fail(&h->s, at, "option %s is not implemented", row->name);
    at = h->s.at;
    if (hurl_value(h, &value) != 0 || row->kind == OPTION_IGNORED) {
        text_deinit(&value);
        return h->s.code;
    }
    bool is_true = strcmp(text_string(&value), "true") == 0, variable_value = hurl_is_variable(text_string(&value));
    if (row->kind == OPTION_BOOL)
        n = bool_value(h, at, &value);
    else if (row->kind == OPTION_INT)
        n = int_value(h, at, &value);
    else if (row->kind == OPTION_TIME || row->kind == OPTION_SECONDS)
        n = time_value(h, at, &value, row->kind == OPTION_TIME ? "ms" : "s");
    else if (strcmp(row->to, "header") == 0)
        header(r, at, &value);
    else if (value.len == 0)
        scan_fail(&h->s, at, "option %s has no value", row->name);
    else {
        bool both = strcmp(row->name, "cert") == 0 && is_plain_variable(text_string(&value));
        if (strcmp(row->name, "cert") == 0)
            split_password(r, at, &value);
        if (row->kind == OPTION_FILE || (row->kind == OPTION_PRODUCT && h->raw))
            hurl_from_folder(h, &value, both);
        else if (row->kind == OPTION_PRODUCT)
            hurl_product(h, at, &value);
        n = hurl_node(h, at, &value);
    }
    text_deinit(&value);
    if (h->s.code != 0 || n == NULL)
        return h->s.code;
    struct build *b = &h->b;
    if (strcmp(row->to, "wait") == 0) {
        struct build_node *step = build_map(b, at);
        build_put(b, step, "wait", n);
        build_add(b, r->o->before, step);
    } else if (strcmp(row->to, "location") == 0 || strcmp(row->to, "location-trusted") == 0) {
        r->o->follow = n;
        r->o->location = is_true || r->o->location;
        if (row->to[8] != '\0')
            build_replace(b, r->step, "trusted", build_bool(b, at, true));
    } else if (strcmp(row->to, "max-redirs") == 0) {
        r->o->max_redirects = n;
    } else if (strcmp(row->to, "skip") == 0) {
        r->o->skipped = r->o->skipped || is_true;
        r->o->skip = variable_value ? n : NULL;
    } else if (strcmp(row->to, "user") == 0) {
        r->o->user = n;
    } else if (strcmp(row->to, "path-as-is") == 0) {
        r->o->path_as_is = is_true;
    } else if (strncmp(row->to, "header.", 7) == 0) {
        r->o->user_agent = n;
    } else if (strcmp(row->to, "repeat") == 0) {
        r->o->repeat = n;
    } else {
        r->o->signs = r->o->signs || strcmp(row->name, "aws-sigv4") == 0 || strncmp(row->to, "curl.auth", 9) == 0;
        put_to(r, row->to, n, is_true, at);
        if (strcmp(row->name, "limit-rate") == 0) /* it is meant to take long */
            build_replace(b, r->step, "timeout", build_string(b, at, "300s"));
    }
    return 0;
}

void hurl_options_begin(struct hurl *h, struct hurl_options *o)
{
    size_t at = h->s.at;
    *o = (struct hurl_options){.before = build_list(&h->b, at),
                               .curl = build_map(&h->b, at),
                               .tls = build_map(&h->b, at),
                               .headers = build_list(&h->b, at)};
}

void hurl_options_end(struct hurl *h, struct build_node *step, struct hurl_options *o)
{
    build_put(&h->b, o->signs ? o->curl : step, "user", o->user);
    if (build_count(o->curl) > 0)
        build_put(&h->b, step, "curl", o->curl);
    if (build_count(o->tls) > 0)
        build_put(&h->b, step, "tls", o->tls);
}

/* Each row has a bit of `said`. */
_Static_assert(ROWS <= 64, "a bit for each option");

int hurl_option_given(struct hurl *h, const char *name, struct build_node *step, struct hurl_options *o)
{
    struct reading r = {.h = h, .step = step, .o = o};
    const struct option_row *row = find(h, name, 0);
    bool adds = row != NULL && row->to != NULL && strcmp(row->to, "header") == 0;
    if (row == NULL || ((o->said & (uint64_t)1 << (row - rows)) != 0 && !adds))
        return h->s.code;
    return one(&r, row, 0) == 0 ? hurl_line_end(h) : h->s.code;
}

int hurl_options(struct hurl *h, struct build_node *step, struct hurl_options *o)
{
    struct scan *s = &h->s;
    struct reading r = {.h = h, .step = step, .o = o};
    for (hurl_blank_lines(h); s->code == 0; hurl_blank_lines(h)) {
        struct scan ahead = *s;
        struct text name = TEXT_INIT;
        size_t start = s->at;
        scan_blanks(s);
        while (scan_char(s) > 0 && strchr(" \t:\n\r#{[<`\"", scan_char(s)) == NULL)
            text_char(&name, (char)s->in.data[s->at++]);
        scan_blanks(s);
        if (hurl_kept(h, &name) != 0) {
            text_deinit(&name);
            break;
        }
        if (name.len == 0 || !scan_take(s, ":")) { /* no option: what comes next reads it */
            *s = ahead;
            text_deinit(&name);
            break;
        }
        const struct option_row *row = find(h, text_string(&name), start);
        text_deinit(&name);
        scan_blanks(s);
        if (row != NULL && one(&r, row, start) == 0)
            hurl_line_end(h);
        if (row != NULL)
            o->said |= (uint64_t)1 << (row - rows);
    }
    return s->code;
}
