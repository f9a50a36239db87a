/* Options of hurl's command line. Those that an entry can say as well hold for entries that do not; the others are of
 * the file. Each is read as if it stood in a line "name: value" of [Options]. */
#include "e2e/import/hurl/hurl.h"

#include <stdlib.h>
#include <string.h>

const char *const hurl_file_options[HURL_FILE_OPTIONS] = {"cookie",         "cookie-jar", "file-root", "from-entry",
                                                          "ignore-asserts", "secret",     "to-entry",  "variable"};

/* "NAME=VALUE", "NAME" for "NAME=true": the name into `name`. */
static const char *split(const char *setting, struct text *name)
{
    size_t len = strcspn(setting, "=");
    text_add(name, setting, len);
    return setting[len] == '=' ? setting + len + 1 : "true";
}

static bool is_of_file(const char *name)
{
    bool is = false;
    for (size_t i = 0; i < HURL_FILE_OPTIONS; i++)
        is = is || strcmp(hurl_file_options[i], name) == 0;
    return is;
}

static int entry_number(struct scan *s, const char *value, int64_t *out)
{
    char *end;
    *out = strtoll(value, &end, 10);
    return *out > 0 && *end == '\0' ? 0 : scan_fail(s, 0, "expected the number of an entry, from 1");
}

static int one_of_file(struct hurl *h, const char *name, const char *value, struct build_node *vars)
{
    struct scan *s = &h->s;
    if (strcmp(name, "from-entry") == 0)
        return entry_number(s, value, &h->from);
    if (strcmp(name, "to-entry") == 0)
        return entry_number(s, value, &h->to);
    const char **file = strcmp(name, "file-root") == 0    ? &h->file_root
                        : strcmp(name, "cookie") == 0     ? &h->cookies_from
                        : strcmp(name, "cookie-jar") == 0 ? &h->cookies_to
                                                          : NULL;
    if (file != NULL) {
        *file = value;
        return 0;
    }
    if (strcmp(name, "ignore-asserts") == 0) {
        h->no_asserts = strcmp(value, "true") == 0;
        return 0;
    }
    if (strcmp(name, "variable") == 0)
        return hurl_variable(h, 0, vars);
    struct text secret = TEXT_INIT;
    const char *text = split(value, &secret);
    if (hurl_kept(h, &secret) != 0)
        ;
    else if (!variable_name_valid(text_string(&secret)) || strchr(value, '=') == NULL)
        scan_fail(s, 0, "expected NAME=VALUE");
    else if (build_has(vars, text_string(&secret)))
        scan_fail(s, 0, "\"%s\" has a value already", text_string(&secret));
    struct text said = TEXT_INIT;
    for (const char *p = text; *p != '\0'; p++)
        scan_put(&said, *p);
    build_put(&h->b, vars, text_string(&secret), hurl_node(h, 0, &said));
    build_add(&h->b, h->secrets, build_string(&h->b, 0, text_string(&secret)));
    text_deinit(&secret);
    return s->code;
}

/* The readers are at `value`; what they make stands at the place in the file. */
static void go_to(struct hurl *h, const char *value, const struct scan *file)
{
    h->s = (struct scan){.in = bytes_of(value)};
    h->raw = h->b.elsewhere = true;
    h->b.place = file->at < file->in.len ? file->at : 0;
}

static void go_back(struct hurl *h, const struct scan *file)
{
    h->s = *file;
    h->raw = h->b.elsewhere = false;
}

int hurl_settings_entry(struct hurl *h, struct build_node *step, struct hurl_options *o)
{
    struct scan file = h->s;
    struct build_node *own = o->headers; /* those of the command line come first */
    o->headers = build_list(&h->b, file.at);
    for (size_t i = 0; h->settings != NULL && h->settings[i] != NULL && h->s.code == 0; i++) {
        struct text name = TEXT_INIT;
        const char *value = split(h->settings[i], &name);
        go_to(h, value, &file);
        if (hurl_kept(h, &name) == 0 && !is_of_file(text_string(&name)))
            hurl_option_given(h, text_string(&name), step, o);
        file.code = h->s.code == ERROR_MEMORY ? ERROR_MEMORY : 0; /* the rest was checked before */
        go_back(h, &file);
        text_deinit(&name);
    }
    build_splice(o->headers, own);
    return h->s.code;
}

/* As an entry would have it: what is wrong is told once, and not for every entry. */
static int check(struct hurl *h, const char *name)
{
    struct hurl_options o;
    hurl_options_begin(h, &o);
    return hurl_option_given(h, name, build_map(&h->b, 0), &o);
}

int hurl_settings(struct hurl *h, const char *const *list, struct build_node *flow, struct error *err)
{
    struct scan file = h->s;
    struct build_node *vars = build_map(&h->b, 0);
    int code = 0;
    h->from = 1;
    h->secrets = build_list(&h->b, 0);
    h->settings = list;
    for (size_t i = 0; list != NULL && list[i] != NULL && code == 0; i++) {
        struct text name = TEXT_INIT;
        const char *value = split(list[i], &name);
        go_to(h, value, &file);
        if (hurl_kept(h, &name) == 0 && is_of_file(text_string(&name)))
            one_of_file(h, text_string(&name), value, vars);
        else if (h->s.code == 0)
            check(h, text_string(&name));
        code = h->s.code;
        if (code != 0 && code != ERROR_MEMORY)
            code = error_set(err, ERROR_INVALID, "--hurl %s: %s", list[i], h->s.why);
        text_deinit(&name);
    }
    go_back(h, &file);
    if (build_count(vars) > 0)
        build_put(&h->b, flow, "vars", vars);
    return code;
}
