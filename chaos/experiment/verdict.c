#include "chaos/experiment/verdict.h"

#include "chaos/check/check.h"
#include "chaos/history/picture.h"

#include <stdio.h>
#include <string.h>

struct judging {
    struct target *target;
    const struct chaos_options *options;
    const struct history *history;
    char suite[80];
    struct chaos_summary *summary;
};

static void describe_witness(const struct judging *j, const struct check_result *c, struct text *out)
{
    text_printf(out, "%s\n", c->reason);
    for (size_t i = 0; i < c->witness.count; i++) {
        text_puts(out, "  ");
        history_print_operation(j->history, c->witness.items[i], j->target->results->started, out);
        text_char(out, '\n');
    }
}

/* The picture of it, beside the history. Its path is empty when there is none, and the detail says why. */
static void draw(const struct judging *j, const char *name, const struct check_result *c, struct text *path,
                 struct text *detail)
{
    const struct chaos_options *o = j->options;
    struct text drawing = TEXT_INIT;
    const char *dot = o->history != NULL ? strrchr(o->history, '.') : NULL;
    if (o->write == NULL || dot == NULL)
        return;
    text_add(path, o->history, (size_t)(dot - o->history));
    text_printf(path, "-%s-%s.svg", j->suite, name);
    for (size_t i = (size_t)(dot - o->history); text_ok(path) && i < path->len; i++)
        path->data[i] = path->data[i] == ' ' ? '-' : path->data[i];
    int code = text_ok(path) ? picture_svg(j->history, c, true, &drawing) : ERROR_MEMORY;
    if (code == 0)
        code = o->write(o->write_arg, text_string(path), text_bytes(&drawing), NULL);
    if (code != 0) {
        text_printf(detail, "no picture: %s\n", error_code_name(code));
        text_clear(path);
    }
    text_deinit(&drawing);
}

static void tell(struct judging *j, const char *name, const struct check_result *c)
{
    struct text detail = TEXT_INIT, picture = TEXT_INIT;
    char expected[sizeof c->reason + 32];
    struct result_case result = {
        .pillar = "chaos", .suite = j->suite, .name = name, .status = "passed", .replay = j->options->replay};
    if (c->verdict == VERDICT_INVALID) {
        describe_witness(j, c, &detail);
        draw(j, name, c, &picture, &detail);
        const char *slash = strrchr(text_string(&picture), '/');
        result.picture = slash != NULL ? slash + 1 : picture.len > 0 ? text_string(&picture) : NULL;
        result.detail = text_string(&detail);
        if (j->options->violated) {
            snprintf(expected, sizeof expected, "violated, as expected: %s", c->reason);
            result.message = expected;
            j->summary->expected++;
        } else {
            result.status = "failed";
            result.message = c->reason;
            chaos_failed(j->summary, name);
        }
    }
    result_case(j->target->results, &result);
    text_deinit(&detail);
    text_deinit(&picture);
}

static void not_checked(struct judging *j, const char *name, const char *why)
{
    result_case(
        j->target->results,
        &(struct result_case){.pillar = "chaos", .suite = j->suite, .name = name, .status = "skipped", .message = why});
}

/* Whether the workload writes registers: then the worst that can happen is said in plainer words than the model's. */
static bool keeps_registers(const struct workload_kind *kind)
{
    for (const char *const *m = kind->models; *m != NULL; m++)
        if (strcmp(*m, "register") == 0)
            return true;
    return false;
}

static void judge_lost(struct judging *j, struct workload *w, const char *unread)
{
    static const char *const name = "no acknowledged write is lost";
    struct check_result c;
    check_result_init(&c);
    if (unread != NULL)
        not_checked(j, name, unread);
    else if (check_lost_writes(j->history, workload_final_from(w), &c) != 0)
        not_checked(j, name, "unknown: the checker ran out of memory");
    else {
        j->summary->lost += c.verdict == VERDICT_INVALID;
        tell(j, name, &c);
    }
    check_result_deinit(&c);
}

static void judge_model(struct judging *j, struct workload *w, const char *model)
{
    const struct check_model *m = check_model_find(model);
    struct check_result c;
    struct error err = ERROR_INIT;
    char name[96];
    check_result_init(&c);
    if (strcmp(model, "register") == 0)
        snprintf(name, sizeof name, "every key is linearizable");
    else
        snprintf(name, sizeof name, "model %s", model);
    int code = m != NULL ? workload_judge(w, m, NULL, &c, &err) : ERROR_UNSUPPORTED;
    if (code != 0) {
        struct text why = TEXT_INIT;
        error_format(&err, &why);
        not_checked(j, name, why.len > 0 ? text_string(&why) : error_code_name(code));
        text_deinit(&why);
    } else if (c.verdict == VERDICT_UNKNOWN) {
        not_checked(j, name, c.reason);
    } else {
        tell(j, name, &c);
    }
    error_clear(&err);
    check_result_deinit(&c);
}

/* Nothing is broken any more: who still waits waits for what never comes. */
static void judge_end(struct judging *j, const char *unread)
{
    static const char *const name = "everything is answered in the end";
    const bool failed = unread != NULL;
    result_case(j->target->results, &(struct result_case){.pillar = "chaos",
                                                          .suite = j->suite,
                                                          .name = name,
                                                          .status = failed ? "failed" : "passed",
                                                          .message = unread,
                                                          .replay = j->options->replay});
    if (failed)
        chaos_failed(j->summary, name);
}

void verdict_judge(struct target *t, const struct chaos_options *options, struct workload *w, const char *unread,
                   struct chaos_summary *summary)
{
    const struct workload_kind *kind = workload_kind_of(w);
    struct judging j = {.target = t, .options = options, .history = workload_history(w), .summary = summary};
    snprintf(j.suite, sizeof j.suite, "%s", kind->name);
    if (kind->final_read != NULL || kind->quiet != NULL)
        judge_end(&j, unread);
    if (keeps_registers(kind))
        judge_lost(&j, w, unread);
    for (const char *const *m = kind->models; *m != NULL; m++) {
        char name[96];
        snprintf(name, sizeof name, "model %s", *m);
        if (kind->clocks && summary->clocks_moved)
            not_checked(&j, name, "it follows the clock, and a fault moved the clock");
        else
            judge_model(&j, w, *m);
    }
}
