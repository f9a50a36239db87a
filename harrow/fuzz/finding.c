#include "harrow/fuzz/finding.h"

#include "fuzz/case/script.h"
#include "harrow/fuzz/run.h"
#include "harrow/system/system.h"

#include <stdlib.h>
#include <string.h>

int finding_replay(const char *manifest, const char *driver, uint64_t seed, const char *script, struct text *why,
                   struct error *err)
{
    const char *other_manifest = getenv("HARROW_MANIFEST"), *other_driver = getenv("HARROW_DRIVER");
    struct fuzz_summary summary = {0};
    struct system *s = NULL;
    int exit_code = 0;
    common = (struct common_options){.seed = seed,
                                     .driver = other_driver ? other_driver : driver,
                                     .out = "harrow-out",
                                     .log_level = "warn",
                                     .quiet = true};
    struct run *r = run_begin(other_manifest ? other_manifest : manifest, "harrow replay", &exit_code);
    if (r == NULL)
        return error_set(err, ERROR_INVALID, "the manifest %s cannot be used", manifest);
    struct fuzz_options options = {.seed = r->seed,
                                   .files = r->world,
                                   .script = bytes_of(script),
                                   .access = r->manifest->login_required,
                                   .open = r->manifest->login_open};
    int code = system_start(r, &s, err);
    if (code == 0)
        code = system_other_token(s, &options.other_token, err);
    if (code == 0)
        code = fuzz_run(system_target(s), &options, &summary, err);
    for (size_t i = 0; why != NULL && i < summary.finding_figures.count; i++)
        text_printf(why, "%s\n", summary.finding_figures.items[i].title);
    system_stop(s);
    run_finish(r, code != 0 ? HARROW_ENVIRONMENT : 0);
    int found = (int)summary.findings;
    fuzz_summary_deinit(&summary);
    return code != 0 ? code : found;
}

/* Comments of a script are of the run that found it, not of the case. */
static struct bytes without_head(struct bytes script)
{
    while (script.len > 0 && script.data[0] == '#') {
        const uint8_t *end = memchr(script.data, '\n', script.len);
        size_t len = end ? (size_t)(end - script.data) + 1 : script.len;
        script = BYTES(script.data + len, script.len - len);
    }
    return script;
}

void finding_test_source(const char *manifest, const char *driver, uint64_t seed, const char *title,
                         struct bytes script, struct text *out)
{
    struct text path = TEXT_INIT;
    text_puts(out, "/* ");
    text_printable(out, title, strlen(title), SIZE_MAX);
    text_puts(out,
              ".\n *\n * Fails while a fresh system still answers the case so. Build it with the tree's headers and "
              "harrow_core:\n *   harrow_test(NAME SOURCES THIS_FILE LINK harrow_core) */\n"
              "#include \"base/test.h\"\n\n#include \"harrow/fuzz/finding.h\"\n\nstatic const char script[] =\n");
    script_put_literal(without_head(script), out);
    script_put_literal(bytes_of(manifest), &path);
    if (!text_ok(&path)) {
        out->failed = true;
        text_deinit(&path);
        return;
    }
    text_printf(out,
                ";\n\nstatic void the_finding_is_gone(void **state)\n{\n    struct text why = TEXT_INIT;\n"
                "    struct error err = ERROR_INIT;\n    (void)state;\n"
                "    int found = finding_replay(%s, \"%s\", UINT64_C(%llu), script, &why, &err);\n"
                "    if (found < 0)\n        print_error(\"it could not be run: %%s\\n\", err.message);\n"
                "    if (found > 0)\n        print_error(\"%%s\\n\", text_string(&why));\n"
                "    text_deinit(&why);\n    error_clear(&err);\n    assert_int_equal(found, 0);\n}\n\n"
                "int main(void)\n{\n"
                "    const struct CMUnitTest tests[] = {cmocka_unit_test(the_finding_is_gone)};\n"
                "    return cmocka_run_group_tests(tests, NULL, NULL);\n}\n",
                text_string(&path) + 4, driver, (unsigned long long)seed);
    text_deinit(&path);
}
