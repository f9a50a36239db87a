/* Entries: a request with its sections, a response with its own, and the step they become. */
#include "base/document_build.h"
#include "e2e/import/formats.h"
#include "e2e/import/hurl/hurl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- names and values ---- */

/* As a list of {name, value} while it is read; written as a map when no name comes twice or has a variable in it. */
struct pairs {
    struct build_node *list, *map;
    bool plain, typed, agent;
    ARRAY(char *) names;
};

static void pairs_init(struct hurl *h, struct pairs *p)
{
    size_t at = h->s.at;
    *p = (struct pairs){.list = build_list(&h->b, at), .map = build_map(&h->b, at), .plain = true};
}

static void pairs_deinit(struct pairs *p)
{
    for (size_t i = 0; i < p->names.count; i++)
        free(p->names.items[i]);
    array_deinit(&p->names);
}

/* `value` is made twice, since a node has one place. */
static void pairs_add(struct hurl *h, struct pairs *p, size_t at, const char *name, struct build_node *in_list,
                      struct build_node *in_map)
{
    struct build_node *pair = build_map(&h->b, at);
    char *copy = strdup(name);
    build_put(&h->b, pair, "name", build_string(&h->b, at, name));
    build_put(&h->b, pair, "value", in_list);
    build_add(&h->b, p->list, pair);
    build_put(&h->b, p->map, name, in_map);
    p->plain = p->plain && strstr(name, "${") == NULL && name[0] != '\0';
    p->typed = p->typed || strcasecmp(name, "content-type") == 0;
    p->agent = p->agent || strcasecmp(name, "user-agent") == 0;
    for (size_t i = 0; i < p->names.count; i++)
        p->plain = p->plain && strcmp(p->names.items[i], name) != 0;
    if (copy == NULL || !array_push(&p->names, copy)) {
        free(copy);
        h->b.failed = true;
    }
}

static void pairs_put(struct hurl *h, struct pairs *p, struct build_node *step, const char *key)
{
    if (build_count(p->list) > 0)
        build_put(&h->b, step, key, p->plain ? p->map : p->list);
}

static void add_text(struct hurl *h, struct pairs *p, size_t at, const char *name, size_t value_at, const char *value)
{
    pairs_add(h, p, at, name, build_string(&h->b, value_at, value), build_string(&h->b, value_at, value));
}

/* "name: value", and the end of the line. */
static int read_pair(struct hurl *h, struct pairs *p)
{
    struct text name = TEXT_INIT, value = TEXT_INIT;
    size_t at = h->s.at;
    if (hurl_key_colon(h, &name) == 0) {
        size_t from = h->s.at;
        if (hurl_value(h, &value) == 0 && hurl_line_end(h) == 0)
            add_text(h, p, at, text_string(&name), from, text_string(&value));
    }
    h->b.failed = h->b.failed || !text_ok(&name) || !text_ok(&value);
    text_deinit(&name);
    text_deinit(&value);
    return h->s.code;
}

/* "file,name; type" */
static struct build_node *file_part(struct hurl *h, size_t at, const char *name, const char *type)
{
    struct build_node *part = build_map(&h->b, at);
    build_put(&h->b, part, "file", build_string(&h->b, at, name));
    build_put(&h->b, part, "type", build_string(&h->b, at, type[0] != '\0' ? type : hurl_file_type(name)));
    return part;
}

static int read_part(struct hurl *h, struct pairs *p)
{
    struct text name = TEXT_INIT, file = TEXT_INIT, type = TEXT_INIT;
    struct scan before = h->s;
    size_t at = h->s.at;
    if (hurl_key_colon(h, &name) == ERROR_MEMORY) {
        text_deinit(&name);
        return h->s.code;
    }
    if (h->s.code == 0 && !scan_take(&h->s, "file,")) {
        h->s = before;
        text_deinit(&name);
        return read_pair(h, p);
    }
    scan_blanks(&h->s);
    if (h->s.code == 0 && scan_filename(&h->s, &file) == 0) {
        hurl_from_root(h, &file);
        scan_blanks(&h->s);
        if (hurl_value(h, &type) == 0 && hurl_line_end(h) == 0) {
            const char *f = text_string(&file), *t = text_string(&type);
            pairs_add(h, p, at, text_string(&name), file_part(h, at, f, t), file_part(h, at, f, t));
        }
    }
    h->b.failed = h->b.failed || !text_ok(&name) || !text_ok(&file) || !text_ok(&type);
    text_deinit(&name);
    text_deinit(&file);
    text_deinit(&type);
    return h->s.code;
}

/* Does a line "name: ..." begin here? Else the section is over. */
static bool at_pair(struct hurl *h)
{
    struct hurl ahead = *h;
    struct text name = TEXT_INIT;
    scan_blanks(&ahead.s);
    if (scan_char(&ahead.s) == '[' || hurl_at_body(&ahead)) { /* a body may begin like a name: look for the colon */
        if (scan_char(&ahead.s) == '[' || strchr("{\"`<", scan_char(&ahead.s)) != NULL ||
            scan_is(&ahead.s, "base64,") || scan_is(&ahead.s, "hex,") || scan_is(&ahead.s, "file,")) {
            if (!scan_is(&ahead.s, "{{"))
                return false;
        }
    }
    bool is = hurl_key_colon(&ahead, &name) == 0;
    if (ahead.s.code == ERROR_MEMORY)
        h->s.code = ERROR_MEMORY;
    text_deinit(&name);
    return is;
}

static int read_pairs(struct hurl *h, struct pairs *p, int (*one)(struct hurl *h, struct pairs *p))
{
    for (hurl_blank_lines(h); h->s.code == 0 && at_pair(h); hurl_blank_lines(h))
        one(h, p);
    return h->s.code;
}

/* ---- sections ---- */

/* "[Name]" and the end of its line; false: none stands here. */
static bool section(struct hurl *h, char *name, size_t size, size_t *at)
{
    struct scan *s = &h->s;
    struct scan before = *s;
    size_t len = 0;
    hurl_blank_lines(h);
    scan_blanks(s);
    *at = s->at;
    if (scan_take(s, "[") && scan_char(s) >= 0 && isupper(scan_char(s))) {
        while (scan_char(s) > 0 && isalpha(scan_char(s)) && len + 1 < size)
            name[len++] = (char)s->in.data[s->at++];
        name[len] = '\0';
        if (scan_take(s, "]")) {
            hurl_line_end(h);
            return true;
        }
    }
    *s = before;
    return false;
}

static int once(struct hurl *h, const char *name, size_t at, unsigned *seen)
{
    static const char letters[] = "QFMBCOA"; /* the sections' first, Captures and Cookies never in one part */
    const char *which = strchr(letters, name[0]);
    unsigned bit = which != NULL ? 1U << (which - letters) : 0;
    if ((*seen & bit) != 0)
        return scan_fail(&h->s, at, "section [%s] stands here a second time", name);
    *seen |= bit;
    return 0;
}

static int unknown_section(struct hurl *h, const char *name, size_t at, const char *const *known)
{
    const char *near = nearest_word(name, known);
    if (near != NULL)
        return scan_fail(&h->s, at, "there is no section [%s] here: did you mean [%s]?", name, near);
    return scan_fail(&h->s, at, "there is no section [%s] here", name);
}

static int read_user(struct hurl *h, struct build_node *step)
{
    struct text name = TEXT_INIT, value = TEXT_INIT;
    hurl_blank_lines(h);
    size_t at = h->s.at;
    if (!at_pair(h))
        return 0;
    if (hurl_key_colon(h, &name) == 0 && hurl_value(h, &value) == 0) {
        text_printf(&name, ":%s", text_string(&value));
        name.failed = name.failed || !text_ok(&value);
        build_put(&h->b, step, "user", hurl_node(h, at, &name));
        hurl_line_end(h);
    }
    text_deinit(&name);
    text_deinit(&value);
    return h->s.code;
}

static int request_section(struct hurl *h, const char *name, size_t at, struct build_node *step, struct hurl_options *o)
{
    static const char *const known[] = {"QueryStringParams", "Query",     "FormParams", "Form",    "MultipartFormData",
                                        "Multipart",         "BasicAuth", "Cookies",    "Options", NULL};
    static const char *const keys[] = {"query", "query", "form", "form", "multipart", "multipart", "", "cookies"};
    struct pairs p;
    size_t which = 0;
    while (known[which] != NULL && strcmp(known[which], name) != 0)
        which++;
    if (known[which] == NULL)
        return unknown_section(h, name, at, known);
    if (strcmp(name, "Options") == 0)
        return hurl_options(h, step, o);
    if (strcmp(name, "BasicAuth") == 0)
        return read_user(h, step);
    pairs_init(h, &p);
    if (read_pairs(h, &p, keys[which][0] == 'm' ? read_part : read_pair) == 0)
        pairs_put(h, &p, step, keys[which]);
    pairs_deinit(&p);
    return h->s.code;
}

/* "name: query filter ..." */
static int read_capture(struct hurl *h, struct build_node *captures)
{
    struct text name = TEXT_INIT, line = TEXT_INIT;
    struct query q;
    size_t at = h->s.at;
    if (hurl_key_colon(h, &name) == 0) {
        size_t from = h->s.at;
        if (strstr(text_string(&name), "${") == NULL && !variable_name_valid(text_string(&name)))
            scan_fail(&h->s, at, "\"%s\" is no name for a variable: letters, digits, _ and -", text_string(&name));
        else if (query_scan(&h->s, QUERY_CAPTURE, &q) == 0) {
            if (scan_take_word(&h->s, "redact") && strstr(text_string(&name), "${") == NULL)
                build_add(&h->b, h->secrets, build_string(&h->b, at, text_string(&name)));
            query_print(&q, &line);
            query_deinit(&q);
            build_put(&h->b, captures, text_string(&name), hurl_node(h, from, &line));
            hurl_line_end(h);
        }
    }
    h->b.failed = h->b.failed || !text_ok(&name);
    text_deinit(&name);
    text_deinit(&line);
    return h->s.code;
}

static int read_assert(struct hurl *h, struct build_node *checks)
{
    struct text line = TEXT_INIT;
    struct query q;
    scan_blanks(&h->s);
    size_t at = h->s.at;
    if (query_scan(&h->s, QUERY_ASSERT, &q) == 0) {
        query_print(&q, &line);
        query_deinit(&q);
        build_add(&h->b, checks, hurl_node(h, at, &line));
        hurl_line_end(h);
    }
    text_deinit(&line);
    return h->s.code;
}

/* Asserts go on until a section, a body or the next entry. */
static bool at_assert(const struct hurl *h)
{
    struct scan s = h->s;
    scan_blanks(&s);
    int c = scan_char(&s);
    if (c < 0 || !islower(c))
        return false;
    return !scan_is(&s, "base64,") && !scan_is(&s, "hex,") && !scan_is(&s, "file,");
}

static int response_section(struct hurl *h, const char *name, size_t at, struct build_node *captures,
                            struct build_node *checks)
{
    static const char *const known[] = {"Captures", "Asserts", NULL};
    if (strcmp(name, "Captures") == 0)
        for (hurl_blank_lines(h); h->s.code == 0 && at_pair(h); hurl_blank_lines(h))
            read_capture(h, captures);
    else if (strcmp(name, "Asserts") == 0)
        for (hurl_blank_lines(h); h->s.code == 0 && at_assert(h); hurl_blank_lines(h))
            read_assert(h, checks);
    else
        unknown_section(h, name, at, known);
    return h->s.code;
}

/* ---- response ---- */

/* A header of the response is among the values that came. */
static int header_check(struct hurl *h, struct build_node *checks)
{
    struct text name = TEXT_INIT, value = TEXT_INIT, line = TEXT_INIT;
    size_t at = h->s.at;
    if (hurl_key_colon(h, &name) == 0 && hurl_value(h, &value) == 0 && hurl_line_end(h) == 0) {
        text_puts(&line, "header \"");
        text_json(&line, text_string(&name), name.len);
        text_puts(&line, "\" has \"");
        text_json(&line, text_string(&value), value.len);
        text_char(&line, '"');
        build_add(&h->b, checks, hurl_node(h, at, &line));
    }
    h->b.failed = h->b.failed || !text_ok(&name) || !text_ok(&value);
    text_deinit(&name);
    text_deinit(&value);
    text_deinit(&line);
    return h->s.code;
}

/* Is a response's first line here? */
static bool at_response(struct hurl *h)
{
    struct scan s = h->s;
    scan_blanks(&s);
    return scan_is(&s, "HTTP") && s.at + 4 < s.in.len && (s.in.data[s.at + 4] == ' ' || s.in.data[s.at + 4] == '/');
}

static int status_line(struct hurl *h, struct build_node *step, struct build_node *checks)
{
    static const char *const versions[] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"};
    struct scan *s = &h->s;
    const char *version = NULL;
    scan_blanks(s);
    size_t at = s->at;
    for (size_t i = 0; i < 4 && version == NULL; i++)
        if (scan_take(s, versions[i]))
            version = strchr(versions[i], '/') + 1;
    if (version == NULL && (scan_is(s, "HTTP/") || !scan_take(s, "HTTP")))
        return scan_fail(s, at, "expected HTTP, HTTP/1.0, HTTP/1.1, HTTP/2 or HTTP/3");
    if (scan_char(s) != ' ' && scan_char(s) != '\t')
        return scan_fail(s, s->at, "expected a blank and a status");
    scan_blanks(s);
    size_t status_at = s->at;
    if (!scan_take(s, "*")) {
        int64_t status = 0;
        while (scan_char(s) > 0 && isdigit(scan_char(s)) && s->at - status_at < 4)
            status = status * 10 + (s->in.data[s->at++] - '0');
        if (s->at - status_at == 0 || status > 999)
            return scan_fail(s, status_at, "expected a status like 200, or *");
        if (status >= 100 && !h->no_asserts) {
            struct build_node *expect = build_map(&h->b, status_at);
            build_put(&h->b, expect, "status", build_integer(&h->b, status_at, status));
            build_put(&h->b, step, "expect", expect);
        } else if (status < 100) {
            scan_fail(s, status_at, "a status has three digits");
        }
    }
    if (version != NULL) {
        struct text line = TEXT_INIT;
        text_printf(&line, "version == \"%s\"", version);
        build_add(&h->b, checks, hurl_node(h, at, &line));
    }
    return hurl_line_end(h);
}

static int response(struct hurl *h, struct build_node *step)
{
    char name[32];
    size_t at = h->s.at;
    struct build_node *checks = build_list(&h->b, at), *captures = build_map(&h->b, at);
    status_line(h, step, checks);
    for (hurl_blank_lines(h); h->s.code == 0 && at_pair(h); hurl_blank_lines(h))
        header_check(h, checks);
    unsigned seen = 0;
    while (h->s.code == 0 && section(h, name, sizeof name, &at))
        if (once(h, name, at, &seen) == 0)
            response_section(h, name, at, captures, checks);
    hurl_blank_lines(h);
    scan_blanks(&h->s);
    if (h->s.code == 0 && hurl_at_body(h))
        hurl_response_body(h, checks);
    if (build_count(captures) > 0)
        build_put(&h->b, step, "capture", captures);
    if (build_count(checks) > 0 && !h->no_asserts)
        build_put(&h->b, step, "check", checks);
    return h->s.code;
}

/* ---- request ---- */

static int request_line(struct hurl *h, struct build_node *step, bool *dots)
{
    struct scan *s = &h->s;
    struct text line = TEXT_INIT;
    scan_blanks(s);
    size_t at = s->at;
    while (scan_char(s) > 0 && isupper(scan_char(s)))
        text_char(&line, (char)s->in.data[s->at++]);
    hurl_kept(h, &line);
    if (s->at == at)
        scan_fail(s, at, "expected a method: GET, POST, ...");
    else if (scan_char(s) != ' ' && scan_char(s) != '\t')
        scan_fail(s, s->at, "expected a blank and a URL behind the method");
    text_char(&line, ' ');
    scan_blanks(s);
    size_t url = line.len, url_at = s->at;
    if (s->code == 0 && hurl_value(h, &line) == 0 && line.len <= url)
        scan_fail(s, url_at, "expected a URL");
    if (s->code == 0)
        hurl_line_end(h);
    *dots = strstr(text_string(&line), "/.") != NULL;
    if (s->code == 0)
        build_put(&h->b, step, "http", hurl_node(h, at, &line));
    text_deinit(&line);
    return s->code;
}

static void put_redirects(struct hurl *h, struct build_node *step, const struct hurl_options *o)
{
    bool wanted = o->follow != NULL;
    if (wanted && o->location && o->max_redirects != NULL)
        build_put(&h->b, step, "redirects", o->max_redirects);
    else if (wanted)
        build_put(&h->b, step, "redirects", o->follow);
}

static void put_headers(struct hurl *h, struct pairs *headers, const char *type, const struct hurl_options *o,
                        struct build_node *step)
{
    build_splice(headers->list, o->headers);
    if (build_count(o->headers) > 0 || (o->user_agent != NULL && !headers->agent))
        headers->plain = false;
    if (o->user_agent != NULL && !headers->agent) {
        struct build_node *pair = build_map(&h->b, h->s.at);
        build_put(&h->b, pair, "name", build_string(&h->b, h->s.at, "User-Agent"));
        build_put(&h->b, pair, "value", o->user_agent);
        build_add(&h->b, headers->list, pair);
    }
    if (type[0] != '\0' && !headers->typed)
        add_text(h, headers, h->s.at, "Content-Type", h->s.at, type);
    pairs_put(h, headers, step, "headers");
}

/* The steps in front of it and the step, as often as they are repeated, unless they are skipped. */
static void add_steps(struct hurl *h, size_t at, struct build_node *step, const struct hurl_options *o,
                      struct build_node *steps)
{
    struct build *b = &h->b;
    struct build_node *inside = o->before;
    build_add(b, inside, step);
    if (o->skipped)
        return;
    if (o->repeat != NULL) {
        struct build_node *loop = build_map(b, at), *range = build_list(b, at), *list = build_list(b, at);
        build_put(b, loop, "for", build_string(b, at, "round"));
        build_add(b, range, build_integer(b, at, 1));
        build_add(b, range, o->repeat);
        build_put(b, loop, "range", range);
        build_put(b, loop, "steps", inside);
        build_add(b, list, loop);
        inside = list;
    }
    if (o->skip != NULL) { /* conditions look at variables */
        struct build_node *set = build_map(b, at), *names = build_map(b, at);
        struct build_node *choice = build_map(b, at), *truth = build_map(b, at);
        build_put(b, names, "skipped", o->skip);
        build_put(b, set, "set", names);
        build_add(b, steps, set);
        build_put(b, truth, "skipped", build_bool(b, at, true));
        build_put(b, choice, "if", truth);
        build_put(b, choice, "else", inside);
        build_add(b, steps, choice);
    } else {
        build_splice(steps, inside);
    }
}

static int entry(struct hurl *h, struct build_node *steps, int64_t number)
{
    char name[32];
    size_t at = h->s.at, begin = at;
    struct build_node *step = build_map(&h->b, at);
    struct hurl_options o;
    struct pairs headers;
    const char *type = "";
    bool dots = false;
    hurl_options_begin(h, &o);
    pairs_init(h, &headers);
    request_line(h, step, &dots);
    if (h->s.code == 0)
        read_pairs(h, &headers, read_pair);
    unsigned seen = 0;
    while (h->s.code == 0 && section(h, name, sizeof name, &at))
        if (once(h, name, at, &seen) == 0)
            request_section(h, name, at, step, &o);
    if (h->s.code == 0)
        hurl_settings_entry(h, step, &o);
    if (h->s.code == 0)
        hurl_jar(h, begin, number == h->from, step);
    if (dots && !o.path_as_is)
        build_put(&h->b, o.curl, "path-as-is", build_bool(&h->b, at, false));
    hurl_options_end(h, step, &o);
    hurl_blank_lines(h);
    scan_blanks(&h->s);
    if (h->s.code == 0 && !at_response(h) && hurl_at_body(h))
        hurl_request_body(h, step, &type);
    if (h->s.code == 0) {
        put_headers(h, &headers, type, &o, step);
        put_redirects(h, step, &o);
        hurl_blank_lines(h);
        if (at_response(h))
            response(h, step);
    }
    bool taken = number >= h->from && (h->to == 0 || number <= h->to);
    if (h->s.code == 0 && taken)
        add_steps(h, at, step, &o, steps);
    pairs_deinit(&headers);
    hurl_blank_lines(h);
    return h->s.code;
}

static int parse_with(struct bytes input, const char *name, const struct import_settings *settings,
                      struct document **out, struct error *err)
{
    struct hurl h = {.s = {.braces = true}, .folder = settings != NULL ? settings->folder : NULL};
    struct text title = TEXT_INIT;
    int code = document_new(input, name, false, &h.b.document, err);
    if (code != 0)
        return code;
    h.s.in = h.b.document->input;
    if (scan_is(&h.s, "\xEF\xBB\xBF"))
        h.s.at = 3;
    struct build_node *root = build_map(&h.b, 0), *steps = build_list(&h.b, 0);
    import_flow_name(name, &title);
    build_put(&h.b, root, "flow", hurl_node(&h, 0, &title));
    code = hurl_settings(&h, settings != NULL ? settings->hurl : NULL, root, err);
    hurl_blank_lines(&h);
    for (int64_t number = 1; code == 0 && h.s.code == 0 && scan_char(&h.s) >= 0 && !h.b.failed; number++)
        entry(&h, steps, number);
    if (build_count(h.secrets) > 0)
        build_put(&h.b, root, "secrets", h.secrets);
    build_put(&h.b, root, "steps", steps);
    if (build_count(steps) == 0) { /* a file without entries is one that passes */
        struct build_node *nothing = build_map(&h.b, 0);
        build_put(&h.b, nothing, "set", build_map(&h.b, 0));
        build_add(&h.b, steps, nothing);
    }
    if (code != 0 && code != ERROR_MEMORY)
        ;
    else if (h.s.code == ERROR_MEMORY || code == ERROR_MEMORY)
        code = document_no_memory(h.b.document, err);
    else if (h.s.code != 0)
        code = document_error(h.b.document, h.s.bad, err, h.s.code, "%s", h.s.why);
    else
        code = build_finish(&h.b, root, err);
    if (code != 0)
        document_free(h.b.document);
    else
        *out = h.b.document;
    return code;
}

static int parse(struct bytes input, const char *name, struct document **out, struct error *err)
{
    return parse_with(input, name, NULL, out, err);
}

const struct import_format import_hurl = {
    .name = "hurl",
    .about = "Hurl files (hurl.dev)",
    .endings = ".hurl",
    .parse = parse,
    .parse_with = parse_with,
};
