#include "chaos/experiment/verdict.h"

#include "chaos/check/check.h"

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

static void tell(struct judging *j, const char *name, const struct check_result *c)
{
    struct text detail = TEXT_INIT;
    struct result_case result = {
        .pillar = "chaos", .suite = j->suite, .name = name, .status = "passed", .replay = j->options->replay};
    if (c->verdict == VERDICT_INVALID) {
        describe_witness(j, c, &detail);
        result.status = "failed";
        result.message = c->reason;
        result.detail = text_string(&detail);
        j->summary->violations++;
    }
    result_case(j->target->results, &result);
    text_deinit(&detail);
}

static void not_checked(struct judging *j, const char *name, const char *why)
{
    result_case(
        j->target->results,
        &(struct result_case){.pillar = "chaos", .suite = j->suite, .name = name, .status = "skipped", .message = why});
}

void verdict_judge(struct target *t, const struct chaos_options *options, struct workload *w, const char *unread,
                   struct chaos_summary *summary)
{
    static const char *const lost_name = "no acknowledged write is lost";
    static const char *const linear_name = "every key is linearizable";
    struct judging j = {.target = t, .options = options, .history = workload_history(w), .summary = summary};
    struct check_result c;
    snprintf(j.suite, sizeof j.suite, "%s", workload_kind_of(w)->name);
    check_result_init(&c);
    if (unread != NULL)
        not_checked(&j, lost_name, unread);
    else if (check_lost_writes(j.history, workload_final_from(w), &c) != 0)
        not_checked(&j, lost_name, "unknown: the checker ran out of memory");
    else {
        summary->lost += c.verdict == VERDICT_INVALID;
        tell(&j, lost_name, &c);
    }
    if (check_register(j.history, &c) != 0)
        not_checked(&j, linear_name, "unknown: the checker ran out of memory");
    else
        tell(&j, linear_name, &c);
    check_result_deinit(&c);
}
