#include "fakes/stub/pattern.h"

#include "base/text.h"
#include "fakes/pact/regex.h"

#include <stdlib.h>
#include <string.h>

#define IGNORE_CASE "(?i)"
#define WIDE        "(*UTF)"
#define SMALL_TEXT  256 /* bytes of a text that is copied to the stack */

static bool is_special(char c)
{
    return c != '\0' && strchr("^$.[]()|*+?{}\\", c) != NULL;
}

/* Need what stands before it not be there? */
static bool is_optional(char c)
{
    return c == '*' || c == '?' || c == '{';
}

/* Every {n,m} costs as often as the ones around it: their product is what the C library has to lay out. Brackets and
 * escapes are not told apart: a brace that stands for itself is rare and counts for little. */
static bool repeats_too_much(const char *text)
{
    unsigned long product = 1;
    for (const char *p = strchr(text, '{'); p != NULL; p = strchr(p + 1, '{')) {
        unsigned long most = 1;
        for (const char *q = p + 1; *q != '\0' && *q != '}'; q++)
            if ((q == p + 1 || q[-1] == ',') && strtoul(q, NULL, 10) > most)
                most = strtoul(q, NULL, 10);
        if (most > PATTERN_REPEATS_MAX || product * most > PATTERN_REPEATS_MAX)
            return true;
        product *= most;
    }
    return false;
}

/* Only of expressions that begin with ^ and have no alternatives. */
static bool find_prefix(struct pattern *p, const char *text)
{
    struct text prefix = TEXT_INIT;
    const char *at = text;
    if (*at == '^' && strchr(text, '|') == NULL) {
        at++;
        for (size_t step; *at != '\0'; at += step) {
            step = at[0] == '\\' && is_special(at[1]) ? 2 : 1;
            if ((step == 1 && is_special(*at)) || is_optional(at[step]))
                break;
            text_char(&prefix, at[step - 1]);
        }
    }
    bool ok = text_ok(&prefix);
    p->prefix = ok ? strdup(text_string(&prefix)) : NULL;
    text_deinit(&prefix);
    return p->prefix != NULL;
}

/* Behind the bracket expression that begins at `at`; POSIX: a ] that comes first stands for itself, [:alpha:] and its
 * like are inside. NULL: it has no end. */
static const char *bracket_end(const char *at)
{
    at += at[1] == '^' ? 2 : 1;
    at += *at == ']';
    for (; *at != '\0' && *at != ']'; at++)
        if (*at == '[' && at[1] != '\0' && strchr(":.=", at[1]) != NULL) {
            const char close[] = {at[1], ']', '\0'};
            at = strstr(at + 2, close);
            if (at == NULL)
                return NULL;
            at++;
        }
    return *at == ']' ? at + 1 : NULL;
}

/* Behind the group that begins at `at`, or NULL. */
static const char *group_end(const char *at)
{
    int depth = 0;
    do {
        if (*at == '\\' && at[1] != '\0')
            at += 2;
        else if (*at == '[')
            at = bracket_end(at);
        else {
            depth += (*at == '(') - (*at == ')');
            at += *at != '\0';
        }
    } while (at != NULL && depth > 0 && *at != '\0');
    return depth == 0 ? at : NULL;
}

/* The run of characters that stand for themselves ends here. */
static void end_run(struct text *run, struct text *best)
{
    if (run->len > best->len) {
        text_clear(best);
        text_add(best, text_string(run), run->len);
    }
    best->failed |= run->failed;
    text_clear(run);
}

/* A character, all of its bytes, that need not be there. */
static void drop_last(struct text *run)
{
    size_t len = run->len;
    while (len > 0 && ((uint8_t)run->data[len - 1] & 0xC0) == 0x80)
        len--;
    text_truncate(run, len > 0 ? len - 1 : 0);
}

/* The longest run outside of groups and brackets, or the one before a $ at the end. Of alternatives there is none. */
static bool find_needed(struct pattern *p, const char *text)
{
    struct text run = TEXT_INIT, best = TEXT_INIT;
    const char *at = text;
    while (at != NULL && *at != '\0' && *at != '|') {
        bool escaped = at[0] == '\\' && is_special(at[1]);
        if (escaped || !is_special(*at)) {
            text_char(&run, at[escaped]);
            at += escaped + 1;
            continue;
        }
        if (at[0] == '$' && at[1] == '\0' && run.len > 0) {
            p->needed_last = true;
            text_clear(&best);
        } else if (is_optional(*at == '+' ? at[strspn(at, "+")] : *at)) {
            drop_last(&run);
        }
        end_run(&run, &best);
        at = *at == '['                     ? bracket_end(at)
             : *at == '('                   ? group_end(at)
             : *at == '{'                   ? strchr(at, '}')
             : *at == '\\' && at[1] != '\0' ? at + 2
                                            : at + 1;
        if (at != NULL && p->needed_last)
            break;
    }
    end_run(&run, &best);
    bool ok = text_ok(&best), none = at == NULL || *at == '|';
    p->needed_last = p->needed_last && !none;
    p->needed = ok ? strdup(none ? "" : text_string(&best)) : NULL;
    p->needed_len = p->needed != NULL ? strlen(p->needed) : 0;
    text_deinit(&run);
    text_deinit(&best);
    return p->needed != NULL;
}

static int compile_wide(struct pattern *p, const char *text, struct error *err)
{
    int code = regex_new(text, &p->wide, err);
    if (code == 0 && find_prefix(p, "") && find_needed(p, ""))
        return 0;
    free(p->prefix);
    regex_free(p->wide);
    return code != 0 ? code : error_set(err, ERROR_MEMORY, "out of memory");
}

static int compile(struct pattern *p, const char *text, struct error *err)
{
    bool ignore = strncmp(text, IGNORE_CASE, strlen(IGNORE_CASE)) == 0;
    const char *expression = ignore ? text + strlen(IGNORE_CASE) : text;
    char why[128];
    if (strlen(text) > PATTERN_MAX)
        return error_set(err, ERROR_LIMIT, "a regular expression has at most %d bytes", PATTERN_MAX);
    if (strncmp(text, WIDE, strlen(WIDE)) == 0)
        return compile_wide(p, text, err);
    if (repeats_too_much(text))
        return error_set(err, ERROR_LIMIT, "the repetitions of this regular expression multiply to more than %d",
                         PATTERN_REPEATS_MAX);
    int bad = regcomp(&p->regex, expression, REG_EXTENDED | (ignore ? REG_ICASE : 0));
    if (bad == REG_ESPACE)
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (bad != 0) {
        regerror(bad, &p->regex, why, sizeof why);
        return error_set(err, ERROR_SYNTAX, "not a regular expression: %s", why);
    }
    if (find_prefix(p, ignore ? "" : expression) && find_needed(p, ignore ? "" : expression))
        return 0;
    free(p->prefix);
    regfree(&p->regex);
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static void pattern_free(struct pattern *p)
{
    if (p->wide == NULL)
        regfree(&p->regex);
    regex_free(p->wide);
    free(p->prefix);
    free(p->needed);
    free(p->text);
    free(p);
}

int pattern_get(struct patterns *all, const char *text, struct pattern **out, struct error *err)
{
    struct pattern *p = map_get(&all->map, text);
    if (p == NULL) {
        p = calloc(1, sizeof *p);
        int code = p != NULL ? compile(p, text, err) : error_set(err, ERROR_MEMORY, "out of memory");
        if (code != 0) {
            free(p);
            return code;
        }
        p->text = strdup(text);
        if (p->text == NULL || !map_put(&all->map, text, p)) {
            pattern_free(p);
            return error_set(err, ERROR_MEMORY, "out of memory");
        }
    }
    p->users++;
    *out = p;
    return 0;
}

void pattern_release(struct patterns *all, struct pattern *p)
{
    if (--p->users > 0)
        return;
    map_remove(&all->map, p->text);
    pattern_free(p);
}

void patterns_deinit(struct patterns *all)
{
    for (struct map_entry *e = map_first(&all->map); e != NULL; e = map_next(e))
        pattern_free(map_value(e));
    map_deinit(&all->map);
}

/* False: it cannot match. */
static bool has_needed(const struct pattern *p, struct bytes text)
{
    size_t n = p->needed_len;
    if (n == 0)
        return true;
    if (text.len < n)
        return false;
    return p->needed_last ? memcmp(text.data + text.len - n, p->needed, n) == 0
                          : memmem(text.data, text.len, p->needed, n) != NULL;
}

enum pattern_verdict pattern_try(const struct pattern *p, struct bytes text, struct bytes *groups)
{
    if (!has_needed(p, text))
        return PATTERN_DIFFERS;
    if (p->wide != NULL) {
        int found = regex_find(p->wide, text, NULL);
        for (size_t i = 0; found == 1 && groups != NULL && i <= PATTERN_GROUPS_MAX; i++)
            groups[i] = i == 0 ? text : BYTES_NONE;
        return found == 1 ? PATTERN_MATCHES : found == ERROR_MEMORY ? PATTERN_NO_MEMORY : PATTERN_DIFFERS;
    }
    regmatch_t found[1 + PATTERN_GROUPS_MAX] = {{0}};
    char small[SMALL_TEXT], *copy = text.len < sizeof small ? small : malloc(text.len + 1);
    if (copy == NULL)
        return PATTERN_NO_MEMORY;
    /* Ended by a NUL, for those who do not know that the C library is told the end (REG_STARTEND). */
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    found[0].rm_so = 0;
    found[0].rm_eo = (regoff_t)text.len;
    int code = regexec(&p->regex, copy, 1 + PATTERN_GROUPS_MAX, found, REG_STARTEND);
    if (copy != small)
        free(copy);
    for (size_t i = 0; code == 0 && groups != NULL && i <= PATTERN_GROUPS_MAX; i++)
        groups[i] = found[i].rm_so < 0 ? BYTES_NONE
                                       : BYTES(text.data + found[i].rm_so, (size_t)(found[i].rm_eo - found[i].rm_so));
    return code == 0 ? PATTERN_MATCHES : code == REG_ESPACE ? PATTERN_NO_MEMORY : PATTERN_DIFFERS;
}

/* ---- globs ---- */

/* Behind the class that begins at `at` (its bracket), or NULL when it does not end. */
static const char *class_end(const char *at)
{
    at++;
    if (*at == '!' || *at == '^')
        at++;
    for (bool first = true; *at != '\0'; at++, first = false) {
        if (*at == ']' && !first)
            return at + 1;
        if (*at == '\\' && *++at == '\0')
            return NULL;
    }
    return NULL;
}

static bool class_holds(const char *at, uint8_t c)
{
    const char *end = class_end(at) - 1;
    at++;
    bool negated = *at == '!' || *at == '^', found = false;
    at += negated;
    while (at < end) {
        uint8_t low, high;
        at += *at == '\\';
        low = high = (uint8_t)*at++;
        if (at + 1 < end && *at == '-') {
            at++;
            at += *at == '\\';
            high = (uint8_t)*at++;
        }
        found = found || (c >= low && c <= high);
    }
    return found != negated;
}

const char *glob_fault(const char *glob)
{
    for (const char *at = glob; *at != '\0';) {
        if (*at == '\\' && at[1] == '\0')
            return "it ends in a backslash";
        if (*at == '[') {
            at = class_end(at);
            if (at == NULL)
                return "a [ has no ]";
            continue;
        }
        at += *at == '\\' ? 2 : 1;
    }
    return NULL;
}

/* Does one element of the glob (at *at, moved behind it) take the byte? */
static bool takes(const char **at, uint8_t c)
{
    const char *p = *at;
    if (*p == '[') {
        *at = class_end(p);
        return c != '/' && class_holds(p, c);
    }
    if (*p == '?') {
        *at = p + 1;
        return c != '/';
    }
    p += *p == '\\';
    *at = p + 1;
    return *p != '\0' && (uint8_t)*p == c;
}

/* Back-tracking to the last star only, which is enough, since a star stops at the same byte for all of them. */
bool glob_matches(const char *glob, struct bytes text)
{
    const char *star = NULL;
    size_t at = 0, from = 0;
    for (;;) {
        if (*glob == '*') {
            star = ++glob;
            from = at;
            continue;
        }
        if (at == text.len && *glob == '\0')
            return true;
        const char *next = glob;
        if (at < text.len && *glob != '\0' && takes(&next, text.data[at])) {
            glob = next;
            at++;
            /* A character, not a byte, is what ? and a class stand for: the rest of a sequence goes with it. */
            while (next[-1] != '*' && (next[-1] == '?' || next[-1] == ']') && at < text.len &&
                   (text.data[at] & 0xC0) == 0x80)
                at++;
            continue;
        }
        if (star == NULL || from >= text.len || text.data[from] == '/')
            return false;
        at = ++from;
        glob = star;
    }
}

size_t glob_prefix(const char *glob)
{
    return strcspn(glob, "*?[\\");
}
