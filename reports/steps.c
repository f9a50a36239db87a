/* Lines of steps: a case keeps its first REPORT_STEPS_MAX, and behind them what says something new. */
#include "reports/reader.h"

void report_steps_end(struct report_steps *s)
{
    map_deinit(&s->names);
}

/* "2[7].1 call store.Store/Read" without its number. */
static const char *unnumbered(const char *name)
{
    const char *blank = strchr(name, ' ');
    return blank != NULL ? blank : name;
}

/* Behind the first REPORT_STEPS_MAX: only what did not pass, and what was not there before. *keep: whether it is. */
static bool choose_step(struct report_steps *s, const json_t *step, bool *keep)
{
    const char *name = json_string_value(json_object_get(step, "name"));
    const char *status = json_string_value(json_object_get(step, "status"));
    *keep = s->count < REPORT_STEPS_MAX || name == NULL || status == NULL || strcmp(status, "passed") != 0;
    if (*keep)
        return true;
    if (map_first(&s->names) == NULL)
        for (const struct report_step *kept = s->first; kept != NULL; kept = kept->next)
            if (!map_put(&s->names, unnumbered(kept->name), s))
                return false;
    *keep = map_get(&s->names, unnumbered(name)) == NULL;
    return !*keep || map_put(&s->names, unnumbered(name), s);
}

/* Steps come before the case they belong to, and cases may run side by side: steps wait under their case's name. */
struct report_steps *reader_steps(struct reader *in)
{
    struct report *r = in->report;
    const char *name = reader_name(in, reader_member(in, "case"));
    struct report_steps *steps = name != NULL ? map_get(&r->open_steps, name) : NULL;
    if (steps != NULL)
        return steps;
    name = reader_text(in, "case");
    steps = in->failed == 0 ? map_get(&r->open_steps, name) : NULL;
    if (steps == NULL && in->failed == 0) {
        steps = ARENA_NEW(&r->arena, struct report_steps);
        if (steps == NULL || !map_put(&r->open_steps, name, steps))
            (void)reader_no_memory(in);
    }
    return in->failed == 0 ? steps : NULL;
}

void report_step_read(struct reader *in)
{
    struct report_steps *steps = reader_steps(in);
    bool keep = false;
    if (steps == NULL)
        return;
    if (!choose_step(steps, in->object, &keep)) {
        (void)reader_no_memory(in);
        return;
    }
    if (!keep) {
        steps->left_out++;
        return;
    }
    struct report_step *step = ARENA_NEW(&in->report->arena, struct report_step);
    if (step == NULL) {
        (void)reader_no_memory(in);
        return;
    }
    steps->count++;
    step->t = in->t;
    step->name = reader_text(in, "name");
    step->status = reader_status(in);
    step->duration = reader_count(in, "duration", 0);
    step->try = reader_count(in, "try", 1);
    step->sent = reader_payload(in, "sent");
    step->received = reader_payload(in, "received");
    if (steps->last == NULL)
        steps->first = step;
    else
        steps->last->next = step;
    steps->last = step;
}

/* ---- without a tree ---- */

/* What is left of a line. Once it is not as expected, `data` is NULL and stays so. */
static void skip(struct bytes *rest, const char *expected)
{
    size_t len = strlen(expected);
    bool there = rest->data != NULL && rest->len >= len && memcmp(rest->data, expected, len) == 0;
    *rest = there ? BYTES(rest->data + len, rest->len - len) : BYTES_NONE;
}

/* ASCII up to the quote; nothing that is escaped. */
static struct bytes skip_text(struct bytes *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->data[n] >= 0x20 && rest->data[n] < 0x7f && rest->data[n] != '"' &&
           rest->data[n] != '\\')
        n++;
    struct bytes text = BYTES(rest->data, n);
    *rest = n < rest->len ? BYTES(rest->data + n, rest->len - n) : BYTES_NONE;
    return text;
}

#define DIGITS_MAX 18 /* fit any number */

static uint64_t skip_number(struct bytes *rest)
{
    uint64_t number = 0;
    size_t n = 0;
    for (; n < rest->len && n < DIGITS_MAX && rest->data[n] >= '0' && rest->data[n] <= '9'; n++)
        number = number * 10 + (uint64_t)(rest->data[n] - '0');
    bool is = n > 0 && (n == 1 || rest->data[0] != '0');
    *rest = is ? BYTES(rest->data + n, rest->len - n) : BYTES_NONE;
    return number;
}

bool report_step_left_out(struct report *r, struct bytes line)
{
    skip(&line, "{\"type\":\"step\",\"t\":");
    uint64_t t = skip_number(&line);
    skip(&line, ",\"case\":\"");
    struct bytes name = skip_text(&line);
    struct report_steps *steps = line.data != NULL ? map_get_n(&r->open_steps, name.data, name.len) : NULL;
    if (steps == NULL || steps->count < REPORT_STEPS_MAX)
        return false;
    skip(&line, "\",\"name\":\"");
    struct bytes step = skip_text(&line);
    skip(&line, "\",\"status\":\"passed\",\"duration\":");
    (void)skip_number(&line);
    skip(&line, ",\"attempts\":");
    (void)skip_number(&line);
    skip(&line, "}");
    const uint8_t *blank = line.data != NULL && line.len == 0 && step.len > 0 ? memchr(step.data, ' ', step.len) : NULL;
    if (blank == NULL || map_get_n(&steps->names, blank, step.len - (size_t)(blank - step.data)) == NULL)
        return false;
    steps->left_out++;
    r->duration = t > r->duration ? t : r->duration;
    return true;
}
