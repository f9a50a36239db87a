#include "fakes/pact/xml.h"

#include "base/text.h"
#include "base/utf8.h"

struct prefix { /* innermost first */
    const struct prefix *up;
    const char *name, *uri; /* "" for the default namespace; uri "": none */
};

struct xml {
    struct bytes in;
    size_t at;
    const char *name;
    struct arena *arena;
    struct error *err;
    int rc;
};

static bool fail(struct xml *x, int code, const char *what)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < x->at && i < x->in.len; i++) {
        bool end = x->in.data[i] == '\n';
        line += end;
        column = end ? 1 : column + ((x->in.data[i] & 0xC0) != 0x80);
    }
    x->rc = error_set_at(x->err, code, x->name, line, column, "%s", what);
    return false;
}

static bool no_memory(struct xml *x)
{
    return fail(x, ERROR_MEMORY, "out of memory while reading XML");
}

static bool at(const struct xml *x, const char *word)
{
    size_t len = strlen(word);
    return x->in.len - x->at >= len && memcmp(x->in.data + x->at, word, len) == 0;
}

static bool take(struct xml *x, const char *word)
{
    if (!at(x, word))
        return false;
    x->at += strlen(word);
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void blanks(struct xml *x)
{
    while (x->at < x->in.len && is_blank(x->in.data[x->at]))
        x->at++;
}

/* Behind `word`; false: it does not come. */
static bool skip_to(struct xml *x, const char *word)
{
    const uint8_t *found = memmem(x->in.data + x->at, x->in.len - x->at, word, strlen(word));
    if (found == NULL)
        return false;
    x->at = (size_t)(found - x->in.data) + strlen(word);
    return true;
}

static bool is_name(uint8_t c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || c >= 0x80 ||
           (!first && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
}

static const char *read_name(struct xml *x)
{
    size_t start = x->at;
    while (x->at < x->in.len && is_name(x->in.data[x->at], x->at == start))
        x->at++;
    if (x->at == start) {
        (void)fail(x, ERROR_SYNTAX, "expected a name");
        return NULL;
    }
    const char *name = arena_string_n(x->arena, (const char *)x->in.data + start, x->at - start);
    if (name == NULL)
        (void)no_memory(x);
    return name;
}

/* "&amp;", "&#65;", "&#x41;". */
static bool reference(struct xml *x, struct text *out)
{
    static const struct {
        const char *name;
        char value;
    } ENTITIES[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < 5; i++)
        if (take(x, ENTITIES[i].name)) {
            text_char(out, ENTITIES[i].value);
            return true;
        }
    if (!take(x, "&#"))
        return fail(x, ERROR_SYNTAX, "no such entity: there are &amp; &lt; &gt; &quot; &apos; and numbers");
    bool hex = take(x, "x");
    uint32_t value = 0, digits = 0;
    for (; x->at < x->in.len && digits < 8; x->at++, digits++) {
        int digit = bytes_hex_value(x->in.data[x->at]);
        if (digit < 0 || (!hex && digit > 9))
            break;
        value = value * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (digits == 0 || value == 0 || value > 0x10FFFF || !take(x, ";"))
        return fail(x, ERROR_SYNTAX, "not a character reference");
    char utf8[UTF8_MAX];
    text_add(out, utf8, utf8_write(value, utf8));
    return true;
}

static const char *attribute_value(struct xml *x)
{
    struct text out = TEXT_INIT;
    const char *value = NULL;
    bool ok = at(x, "\"") || at(x, "'") || fail(x, ERROR_SYNTAX, "expected a value in quotes");
    uint8_t quote = ok ? x->in.data[x->at++] : 0;
    while (ok && (x->at == x->in.len || x->in.data[x->at] != quote)) {
        if (x->at == x->in.len || x->in.data[x->at] == '<')
            ok = fail(x, ERROR_SYNTAX, "the attribute's value has no end");
        else if (x->in.data[x->at] == '&')
            ok = reference(x, &out);
        else if (is_blank(x->in.data[x->at]))
            text_char(&out, ' '), x->at++;
        else
            text_char(&out, (char)x->in.data[x->at++]);
    }
    if (ok) {
        x->at++;
        value = text_ok(&out) ? arena_string(x->arena, text_string(&out)) : NULL;
        if (value == NULL)
            (void)no_memory(x);
    }
    text_deinit(&out);
    return value;
}

/* "prefix:local" to "uri:local". */
static const char *resolved(struct xml *x, const struct prefix *p, const char *name, bool attribute)
{
    const char *colon = strchr(name, ':'), *local = colon != NULL ? colon + 1 : name;
    size_t len = colon != NULL ? (size_t)(colon - name) : 0;
    if (colon == NULL && attribute)
        return name; /* the default namespace is not an attribute's */
    if (len == 3 && strncmp(name, "xml", 3) == 0)
        return name;
    while (p != NULL && !(strlen(p->name) == len && strncmp(p->name, name, len) == 0))
        p = p->up;
    if (p == NULL && len > 0) {
        (void)fail(x, ERROR_SYNTAX, "a prefix without its xmlns");
        return NULL;
    }
    if (p == NULL || p->uri[0] == '\0')
        return local;
    const char *out = arena_printf(x->arena, "%s:%s", p->uri, local);
    if (out == NULL)
        (void)no_memory(x);
    return out;
}

static bool read_attributes(struct xml *x, struct xml_element *e, const struct prefix **prefixes)
{
    struct xml_attribute **last = &e->attributes;
    for (;;) {
        size_t before = x->at;
        blanks(x);
        if (x->at == x->in.len || at(x, ">") || at(x, "/>"))
            break;
        if (x->at == before)
            return fail(x, ERROR_SYNTAX, "expected a blank, > or />");
        const char *name = read_name(x);
        if (name == NULL)
            return false;
        blanks(x);
        if (!take(x, "="))
            return fail(x, ERROR_SYNTAX, "expected = behind the attribute's name");
        blanks(x);
        size_t start = x->at + 1;
        const char *value = attribute_value(x);
        if (value == NULL)
            return false;
        bool all = strcmp(name, "xmlns") == 0;
        if (all || strncmp(name, "xmlns:", 6) == 0) {
            struct prefix *p = ARENA_NEW(x->arena, struct prefix);
            if (p == NULL)
                return no_memory(x);
            *p = (struct prefix){*prefixes, all ? "" : name + 6, value};
            *prefixes = p;
            continue;
        }
        for (const struct xml_attribute *a = e->attributes; a != NULL; a = a->next)
            if (strcmp(a->name, name) == 0)
                return fail(x, ERROR_SYNTAX, "an attribute twice");
        *last = ARENA_NEW(x->arena, struct xml_attribute);
        if (*last == NULL)
            return no_memory(x);
        **last = (struct xml_attribute){name, value, name, {start, x->at - 1 - start}, NULL};
        last = &(*last)->next;
    }
    for (struct xml_attribute *a = e->attributes; a != NULL; a = a->next)
        if ((a->name = resolved(x, *prefixes, a->name, true)) == NULL)
            return false;
    return true;
}

/* Comments and processing instructions. */
static bool skip_aside(struct xml *x, bool *skipped)
{
    *skipped = at(x, "<!--") || at(x, "<?");
    if (take(x, "<!--"))
        return skip_to(x, "-->") || fail(x, ERROR_SYNTAX, "the comment has no end");
    if (take(x, "<?"))
        return skip_to(x, "?>") || fail(x, ERROR_SYNTAX, "the processing instruction has no end");
    return true;
}

/* The run that began at `start` and ends here. */
static bool keep_run(struct xml *x, size_t start, struct xml_run ***last)
{
    size_t end = x->at;
    while (end > start && is_blank(x->in.data[end - 1]))
        end--;
    while (start < end && is_blank(x->in.data[start]))
        start++;
    **last = ARENA_NEW(x->arena, struct xml_run);
    if (**last == NULL)
        return no_memory(x);
    ***last = (struct xml_run){{start, end - start}, NULL};
    *last = &(**last)->next;
    return true;
}

/* Adds a run of text without the blanks around it. True: there is something in it. */
static bool add_trimmed(struct text *all, const struct text *run)
{
    const char *s = text_string(run);
    size_t len = run->len;
    while (len > 0 && is_blank((uint8_t)*s))
        s++, len--;
    while (len > 0 && is_blank((uint8_t)s[len - 1]))
        len--;
    text_add(all, s, len);
    all->failed |= run->failed;
    return len > 0;
}

static struct xml_element *read_element(struct xml *x, const struct prefix *prefixes, unsigned depth);

static bool read_content(struct xml *x, struct xml_element *e, const struct prefix *prefixes, unsigned depth,
                         struct text *all, struct text *run)
{
    struct xml_element **last = &e->children;
    struct xml_run **last_run = &e->runs;
    size_t start = x->at;
    for (;;) {
        bool skipped = false;
        if (x->at == x->in.len)
            return fail(x, ERROR_SYNTAX, "the element has no end tag");
        if (at(x, "</"))
            break;
        if (take(x, "<![CDATA[")) {
            size_t data = x->at;
            if (!skip_to(x, "]]>"))
                return fail(x, ERROR_SYNTAX, "the CDATA section has no end");
            text_add(run, x->in.data + data, x->at - 3 - data);
        } else if (x->in.data[x->at] == '&') {
            if (!reference(x, run))
                return false;
        } else if (x->in.data[x->at] != '<') {
            text_char(run, (char)x->in.data[x->at++]);
        } else {
            if (!skip_aside(x, &skipped))
                return false;
            if (skipped)
                continue;
            if (add_trimmed(all, run) && !keep_run(x, start, &last_run))
                return false;
            text_clear(run);
            *last = read_element(x, prefixes, depth + 1);
            if (*last == NULL)
                return false;
            last = &(*last)->next;
            start = x->at;
        }
    }
    if (add_trimmed(all, run) && !keep_run(x, start, &last_run))
        return false;
    e->end = x->at;
    e->text = text_ok(all) ? arena_string(x->arena, text_string(all)) : NULL;
    return e->text != NULL || no_memory(x);
}

static struct xml_element *read_element(struct xml *x, const struct prefix *prefixes, unsigned depth)
{
    struct text all = TEXT_INIT, run = TEXT_INIT;
    if (depth > XML_DEPTH_MAX || !take(x, "<")) {
        (void)fail(x, depth > XML_DEPTH_MAX ? ERROR_LIMIT : ERROR_SYNTAX,
                   depth > XML_DEPTH_MAX ? "elements too deep" : "expected an element");
        return NULL;
    }
    const char *name = read_name(x);
    struct xml_element *e = name != NULL ? ARENA_NEW(x->arena, struct xml_element) : NULL;
    if (e == NULL) {
        if (x->rc == 0)
            (void)no_memory(x);
        return NULL;
    }
    *e = (struct xml_element){.written = name, .text = ""};
    if (!read_attributes(x, e, &prefixes) || (e->name = resolved(x, prefixes, name, false)) == NULL)
        return NULL;
    e->end = x->at;
    if (take(x, "/>"))
        return e;
    bool ok = take(x, ">") || fail(x, ERROR_SYNTAX, "expected > or />");
    ok = ok && read_content(x, e, prefixes, depth, &all, &run);
    text_deinit(&all);
    text_deinit(&run);
    if (!ok)
        return NULL;
    bool same = take(x, "</") && take(x, name);
    blanks(x);
    if (!same || !take(x, ">")) {
        (void)fail(x, ERROR_SYNTAX, "the end tag is not the element's");
        return NULL;
    }
    return e;
}

static bool between(struct xml *x)
{
    for (bool skipped = true; skipped;) {
        blanks(x);
        if (!skip_aside(x, &skipped))
            return false;
    }
    if (at(x, "<!DOCTYPE"))
        return fail(x, ERROR_UNSUPPORTED, "not implemented: document type declarations");
    return true;
}

int xml_parse(struct bytes in, const char *name, struct arena *arena, struct xml_element **root, struct error *err)
{
    struct xml x = {.in = in, .name = name, .arena = arena, .err = err};
    if (in.data == NULL)
        x.in = in = bytes_of("");
    size_t bad = utf8_bad_offset(in);
    *root = NULL;
    if (bad < in.len || memchr(in.data, 0, in.len) != NULL) {
        x.at = bad < in.len ? bad : 0;
        (void)fail(&x, ERROR_SYNTAX, bad < in.len ? "not UTF-8" : "a zero character");
        return x.rc;
    }
    (void)take(&x, "\xEF\xBB\xBF");
    if (!between(&x) || (*root = read_element(&x, NULL, 1)) == NULL)
        return x.rc;
    if (between(&x) && x.at < in.len)
        (void)fail(&x, ERROR_SYNTAX, "more stands behind the root element");
    return x.rc;
}
