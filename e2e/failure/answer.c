/* What came back, for people: the values that were not met are marked, and what is far from them is left out. */
#include "base/json_copy.h"
#include "base/json_build.h"
#include "base/json_text.h"
#include "e2e/internal.h"
#include "e2e/step/details.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX    16 /* of an answer that are shown whole */
#define LINES_DOTS   3  /* that say what was left out */
#define LINES_AROUND 4  /* above and below a mark, when they are not */
#define LINE_SHOWN   300
#define MARKS_MAX    8
#define NAME_SHOWN   256
#define MARK         "\x01the value that is looked for"
#define MARK_ESCAPED "\\u0001the value that is looked for"

/* Empty members say nothing; the reader wants status, message and body. How long it took differs from run to run. */
static json_t *worth_showing(const struct flow_context *x)
{
    json_t *shown = json_object(), *value;
    const char *key;
    json_object_foreach(x->answer, key, value)
    {
        bool empty = (json_is_object(value) && json_object_size(value) == 0) ||
                     (json_is_string(value) && json_string_length(value) == 0) ||
                     (json_is_array(value) && json_array_size(value) == 0);
        bool twice = (strcmp(key, "messages") == 0 && json_object_get(x->answer, "body") != NULL) ||
                     (strcmp(key, "message") == 0 && json_object_get(x->answer, "error") != NULL) ||
                     (strcmp(key, "details") == 0 && details_repeat_error(x->answer));
        /* Where it came from says something only when it is elsewhere. */
        twice = twice || (strcmp(key, "url") == 0 && json_array_size(json_object_get(x->answer, "redirects")) == 0);
        if ((!empty || strcmp(key, "body") == 0) && !twice && strcmp(key, "duration") != 0)
            json_build_set(&shown, key, json_incref(value));
    }
    return shown;
}

void show_answer(const struct flow_context *x, size_t max, struct text *out)
{
    json_t *shown = worth_showing(x);
    struct text text = TEXT_INIT;
    json_text_add(&text, shown, 2, 0);
    show_text(x, text_ok(&text) ? text_string(&text) : "?", max, out);
    text_deinit(&text);
    json_decref(shown);
}

/* ---- where a value stands in the text ---- */

/* A copy of `root` in which the value at "a.b[0].c" is the mark; NULL when nothing is there. */
static json_t *marked(const json_t *root, const char *path)
{
    json_t *copy = json_copy_whole(root), *at = copy, *parent = NULL;
    char name[NAME_SHOWN] = "";
    size_t index = 0;
    bool in_list = false;
    for (const char *p = path; at != NULL && *p != '\0';) {
        parent = at;
        in_list = *p == '[';
        if (in_list) {
            index = strtoul(p + 1, NULL, 10);
            at = json_array_get(parent, index);
            p += strcspn(p, "]") + 1;
        } else {
            p += *p == '.';
            size_t len = strcspn(p, ".[");
            if (len >= sizeof name)
                break;
            memcpy(name, p, len);
            name[len] = '\0';
            at = json_object_get(parent, name);
            p += len;
        }
    }
    int set = -1;
    if (at != NULL && parent != NULL)
        set = in_list ? json_array_set_new(parent, index, json_string(MARK))
                      : json_object_set_new(parent, name, json_string(MARK));
    if (set == 0)
        return copy;
    json_decref(copy);
    return NULL;
}

/* The line, from 0, at which the value at `path` begins, or that of what should have held it; -1: not shown. */
static int line_of(const json_t *shown, const char *path)
{
    struct text shorter = TEXT_INIT;
    int line = -1;
    text_puts(&shorter, path);
    while (line < 0 && shorter.len > 0) {
        json_t *copy = marked(shown, text_string(&shorter));
        char *text = copy != NULL ? json_text_of(copy, 2) : NULL;
        const char *found = text != NULL ? strstr(text, MARK_ESCAPED) : NULL;
        if (found != NULL)
            line = 0;
        for (const char *p = text; found != NULL && p < found; p++)
            line += *p == '\n';
        free(text);
        json_decref(copy);
        size_t len = shorter.len - 1;
        while (len > 0 && shorter.data[len] != '.' && shorter.data[len] != '[')
            len--;
        text_truncate(&shorter, len);
    }
    text_deinit(&shorter);
    return line;
}

static size_t count_lines(const char *s)
{
    size_t n = *s != '\0';
    for (; *s != '\0'; s++)
        n += *s == '\n' && s[1] != '\0';
    return n;
}

static bool is_near(const int *marks, size_t count, size_t around, size_t line)
{
    for (size_t i = 0; i < count; i++)
        if (marks[i] >= 0 && line + around >= (size_t)marks[i] && line <= (size_t)marks[i] + around)
            return true;
    return count == 0; /* from the top, as far as there is room */
}

static bool is_mark(const int *marks, size_t count, size_t line)
{
    for (size_t i = 0; i < count; i++)
        if (marks[i] >= 0 && line == (size_t)marks[i])
            return true;
    return false;
}

static void show_lines(const struct flow_context *x, const char *text, const int *marks, size_t count, size_t most,
                       struct text *out)
{
    size_t total = count_lines(text), line = 0, left_out = 0, shown = 0, around = LINES_AROUND;
    bool whole = total <= most && total <= LINES_MAX;
    most = most > LINES_MAX + LINES_DOTS ? LINES_MAX : most > LINES_DOTS ? most - LINES_DOTS : 1;
    while (around > 0 && (2 * around + 1) * count > most + LINES_DOTS)
        around--;
    for (const char *p = text; *p != '\0'; line++) {
        size_t len = strcspn(p, "\n");
        bool near = whole || (shown < most && (line == 0 || is_near(marks, count, around, line)));
        if (near) {
            struct text one = TEXT_INIT;
            if (left_out > 0)
                text_printf(out, "  ... (%zu lines)\n", left_out);
            left_out = 0;
            shown++;
            text_add(&one, p, len);
            text_puts(out, is_mark(marks, count, line) ? "> " : "  ");
            show_text(x, text_string(&one), LINE_SHOWN, out);
            text_char(out, '\n');
            text_deinit(&one);
        } else {
            left_out++;
        }
        p += len + (p[len] == '\n');
    }
    if (left_out > 0)
        text_printf(out, "  ... (%zu lines)\n", left_out);
}

void show_received(const struct flow_context *x, size_t lines, struct text *out)
{
    json_t *shown = worth_showing(x);
    char *text = shown != NULL ? json_text_of(shown, 2) : NULL;
    int marks[MARKS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < x->mismatches.count && count < MARKS_MAX; i++) {
        int line = line_of(shown, x->mismatches.items[i].path);
        if (line >= 0)
            marks[count++] = line;
    }
    /* A secret may stand on several lines of the text only in its escaped form, which is one. */
    show_lines(x, text != NULL ? text : "?", marks, count, lines, out);
    free(text);
    json_decref(shown);
}
