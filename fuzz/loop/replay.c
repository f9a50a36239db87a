#include "fuzz/loop/replay.h"

#include "fuzz/case/script.h"
#include "fuzz/loop/verdict.h"

#include <stdint.h>
#include <string.h>

int replay_run(const struct fuzz_target *target, struct bytes file, struct text *why, struct error *err)
{
    void *state = NULL;
    const struct pb_pool *pool = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    int rc = target->setup ? target->setup(&state, &pool, err) : 0;
    if (rc)
        return rc;
    if (file.len >= 4 && memcmp(file.data, "HFZ1", 4) == 0)
        rc = fuzz_case_read(file, &c, err);
    else
        rc = fuzz_case_parse(file, "case", pool, &c, err);
    if (rc == 0) {
        target->run(state, &c, &t);
        rc = t.oracle != NULL;
        if (rc && why)
            verdict_print(&t, why);
    }
    fuzz_trace_deinit(&t);
    fuzz_case_deinit(&c);
    if (target->teardown)
        target->teardown(state);
    return rc;
}

void replay_test_source(const struct fuzz_target *target, const char *title, struct bytes script, struct text *out)
{
    text_puts(out, "/* ");
    text_printable(out, title, strlen(title), SIZE_MAX);
    text_printf(out,
                ".\n *\n * Fails while %s still shows it. Build it with the source that defines the target:\n"
                " *   harrow_test(NAME SOURCES THIS_FILE TARGET_SOURCE LINK fuzz ...) */\n"
                "#include \"base/test.h\"\n\n#include \"fuzz/loop/replay.h\"\n\nstatic const char script[] =\n",
                target->name);
    script_put_literal(script, out);
    text_puts(out, ";\n\nstatic void the_finding_is_gone(void **state)\n{\n    struct text why = TEXT_INIT;\n"
                   "    struct error err = ERROR_INIT;\n    (void)state;\n"
                   "    int found = replay_run(&fuzz_target, bytes_of(script), &why, &err);\n"
                   "    if (found < 0)\n        fail_msg(\"it could not be run: %s\", err.message);\n"
                   "    if (found > 0)\n        fail_msg(\"%s\", text_string(&why));\n"
                   "    text_deinit(&why);\n}\n\nint main(void)\n{\n"
                   "    const struct CMUnitTest tests[] = {cmocka_unit_test(the_finding_is_gone)};\n"
                   "    return cmocka_run_group_tests(tests, NULL, NULL);\n}\n");
}
