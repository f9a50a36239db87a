/* What the gate found, as text for a terminal and as JSON. */
#include "reports/gate.h"

#include "reports/json_out.h"
#include "reports/terminal.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE_MAX 400 /* code points */

void gate_text(const struct gate *g, struct text *out)
{
    const char *policy = document_name(g->input->policy->document);
    for (int failed = 1; failed >= 0; failed--) { /* why it does not pass, last: there the eye is */
        for (size_t i = 0; i < g->checks.count; i++) {
            const struct gate_check *c = &g->checks.items[i];
            if (c->passed != (failed == 1))
                continue;
            text_puts(out, c->passed ? "ok    " : "FAIL  ");
            terminal_line(out, c->name, LINE_MAX);
            text_puts(out, ": ");
            terminal_line(out, c->said, LINE_MAX);
            if (!c->passed && c->line != 0) {
                text_puts(out, " (");
                terminal_line(out, policy, LINE_MAX);
                text_printf(out, ":%d)", c->line);
            }
            text_char(out, '\n');
            for (size_t k = 0; k < c->more_count; k++) {
                text_puts(out, "        ");
                terminal_line(out, c->more[k], LINE_MAX);
                text_char(out, '\n');
            }
        }
    }
    if (g->input->policy->regressions.count != 0)
        text_printf(out, "seed %" PRIu64 "\n", g->input->seed);
    text_printf(out, "gate: %s\n", g->passed ? "passed" : "not passed");
}

void gate_json(const struct gate *g, struct text *out)
{
    struct json_out j = {.out = out};
    char seed[24];
    (void)snprintf(seed, sizeof seed, "%" PRIu64, g->input->seed);
    json_out_open(&j, NULL, '{');
    json_out_bool(&j, "passed", g->passed);
    json_out_text(&j, "policy", document_name(g->input->policy->document));
    json_out_text(&j, "run", g->input->run->id);
    json_out_text(&j, "seed", seed);
    json_out_open(&j, "checks", '[');
    for (size_t i = 0; i < g->checks.count; i++) {
        const struct gate_check *c = &g->checks.items[i];
        json_out_open(&j, NULL, '{');
        json_out_text(&j, "name", c->name);
        json_out_bool(&j, "passed", c->passed);
        json_out_text(&j, "said", c->said);
        if (c->line != 0)
            json_out_integer(&j, "line", c->line);
        if (c->more_count != 0) {
            json_out_open(&j, "more", '[');
            for (size_t k = 0; k < c->more_count; k++)
                json_out_text(&j, NULL, c->more[k]);
            json_out_close(&j, ']');
        }
        json_out_close(&j, '}');
    }
    json_out_close(&j, ']');
    json_out_close(&j, '}');
}
