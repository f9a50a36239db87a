/* Each interaction that was played is a case of the run. */
#include "harrow/contract/verify.h"

#include "base/words.h"
#include "harrow/run/command_line.h"
#include "harrow/system/attach.h"

#include <string.h>

static const char *replay_of(struct verifying *v, const struct provider_verdict *verdict, const char *path)
{
    struct text line = TEXT_INIT;
    words_add(&line, harrow_program);
    text_puts(&line, " contract verify");
    words_add(&line, path);
    text_puts(&line, " --provider");
    command_line_add(&line, "--provider", v->asked->provider);
    const struct {
        const char *name, *value;
    } told[] = {{"--component", v->asked->component},
                {"--states", v->asked->states_file},
                {"--state-url", v->asked->state_url},
                {"--http", v->asked->http_url},
                {"--messages", v->asked->messages_url},
                {"--only", verdict->interaction->description},
                {NULL, NULL}};
    for (size_t i = 0; told[i].name != NULL; i++)
        if (told[i].value != NULL) {
            words_add(&line, told[i].name);
            command_line_add(&line, told[i].name, told[i].value);
        }
    if (strcmp(common.driver, "attach") != 0)
        text_printf(&line, " --driver %s", common.driver);
    attach_words(&line, true);
    text_printf(&line, " --seed %llu", (unsigned long long)v->run->seed);
    const char *copy = text_ok(&line) ? arena_string(&v->run->arena, text_string(&line)) : NULL;
    text_deinit(&line);
    return copy;
}

static void add_states(const struct pact_interaction *i, struct text *out)
{
    for (size_t k = 0; k < i->states.count; k++)
        text_printf(out, "%s%s", k == 0 ? ", given " : " and ", i->states.items[k].name);
}

static void put_mismatch(const struct pact_mismatch *m, struct text *out)
{
    text_puts(out, m->text);
    if (m->help != NULL && m->help[0] != '\0')
        text_printf(out, " (%s)", m->help);
}

/* What is wrong in a line or two; everything else is detail. */
static void describe(const struct provider_verdict *verdict, struct text *message, struct text *detail)
{
    const struct pact_result *r = verdict->result;
    if (verdict->error->code != 0) {
        struct text error = TEXT_INIT;
        error_format(verdict->error, &error);
        command_line_address(text_string(&error), message);
        text_deinit(&error);
    } else if (r->mismatches.count > 0) {
        put_mismatch(&r->mismatches.items[0], message);
    }
    if (verdict->error->code == 0 && r->mismatches.count > 1)
        text_printf(message, "\nand %zu more", r->mismatches.count - 1);
    if (verdict->states_missing && verdict->outcome != PROVIDER_PASSED)
        text_puts(message, "\nits provider states were not set up: --states FILE says how");
    for (size_t i = 0; i < r->mismatches.count; i++) {
        put_mismatch(&r->mismatches.items[i], detail);
        text_char(detail, '\n');
    }
    if (verdict->sent[0] != '\0') {
        text_puts(detail, "sent      ");
        command_line_address(verdict->sent, detail);
        text_char(detail, '\n');
    }
    if (verdict->received[0] != '\0')
        text_printf(detail, "received  %s\n", verdict->received);
}

static struct played *played_of(struct verifying *v, const struct pact *pact)
{
    for (size_t i = 0; i < v->pacts.count; i++)
        if (v->pacts.items[i].pact == pact)
            return &v->pacts.items[i];
    return NULL;
}

void verify_tell(void *arg, const struct provider_verdict *verdict)
{
    struct verifying *v = arg;
    struct played *p = played_of(v, verdict->pact);
    struct text suite = TEXT_INIT, name = TEXT_INIT, message = TEXT_INIT, detail = TEXT_INIT;
    bool fails = verdict->outcome == PROVIDER_FAILED;
    bool forgiven = verdict->outcome == PROVIDER_PENDING ||
                    (fails && p->selected != NULL && p->selected->pending && (v->asked->pending || p->selected->wip));
    p->passed += verdict->outcome == PROVIDER_PASSED || verdict->outcome == PROVIDER_PENDING;
    p->failed += fails;
    p->skipped += verdict->outcome == PROVIDER_SKIPPED;
    v->pending += forgiven;
    text_printf(&suite, "%s with %s", verdict->pact->consumer, verdict->pact->provider);
    text_puts(&name, verdict->interaction->description);
    add_states(verdict->interaction, &name);
    if (forgiven)
        text_puts(&message, "pending: ");
    describe(verdict, &message, &detail);
    const char *status = forgiven || verdict->outcome == PROVIDER_SKIPPED ? "skipped" : fails ? "failed" : "passed";
    bool passed = verdict->outcome == PROVIDER_PASSED;
    result_case(&v->run->results, &(struct result_case){.pillar = "contract",
                                                        .suite = text_string(&suite),
                                                        .name = text_string(&name),
                                                        .status = status,
                                                        .duration = (int64_t)verdict->duration,
                                                        .message = passed ? NULL : text_string(&message),
                                                        .detail = passed ? NULL : text_string(&detail),
                                                        .file = p->path,
                                                        .line = verdict->interaction->line,
                                                        .column = verdict->interaction->column,
                                                        .replay = passed ? NULL : replay_of(v, verdict, p->path)});
    if (pact_matrix_verified(v->matrix, verdict) != 0 && v->failed == 0)
        v->failed = error_set(v->err, ERROR_MEMORY, "out of memory");
    text_deinit(&suite);
    text_deinit(&name);
    text_deinit(&message);
    text_deinit(&detail);
}
