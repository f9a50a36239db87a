/* `harrow e2e import`: files of other tools as flow files. */
#include "e2e/e2e.h"
#include "e2e/import/import.h"
#include "e2e/internal.h"
#include "harrow/commands.h"
#include "harrow/run/run.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAX ((size_t)4 << 20) /* bytes */

static const char *out, *from;

static const struct option options[] = {
    {.name = "out",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .target = &out,
     .argument = "FILE",
     .help = "the flow file (default: standard output)"},
    {.name = "from",
     .kind = OPTION_TEXT,
     .target = &from,
     .argument = "FORMAT",
     .help = "what the file is (default: by its name, or what is in it): hurl, runn, postman, examples, ..."},
    {0},
};

static const struct import_format *format_of(struct world *w, const char *path)
{
    const struct import_format *format = from != NULL ? import_format_named(from) : import_format_of_file(w, path);
    if (format != NULL)
        return format;
    if (from != NULL)
        fprintf(stderr, "harrow: --from %s: there is no such format; there are", from);
    else
        fprintf(stderr, "harrow: %s: its name does not say what it is; --from does:", path);
    for (size_t i = 0; import_formats[i] != NULL; i++)
        fprintf(stderr, " %s", import_formats[i]->name);
    fputc('\n', stderr);
    return NULL;
}

/* What is written can be loaded, but for the books that it includes, which are imported beside it. */
static int check(struct bytes yaml, const char *path, struct error *err)
{
    struct flow_list flows = {0};
    struct error own = ERROR_INIT;
    int code = flow_parse(yaml, out != NULL ? out : "flow.yaml", &flows, &own);
    if (code == ERROR_UNSUPPORTED)
        code = 0;
    else if (code == ERROR_MEMORY)
        error_move(err, &own);
    else if (code != 0)
        error_set_at(err, code, path, 0, 0, "as a flow this is not valid, at line %d: %s", own.line,
                     own.message != NULL ? own.message : error_code_name(code));
    error_clear(&own);
    flow_list_free(&flows);
    return code;
}

static int import(struct world *w, const struct import_format *format, const char *path, struct text *told,
                  struct error *err)
{
    struct text content = TEXT_INIT, yaml = TEXT_INIT;
    struct document *document = NULL;
    int code = world_read_file(w, path, FILE_MAX, &content, err);
    if (code == ERROR_NOT_FOUND)
        code = error_set_at(err, code, path, 0, 0, "there is no such file");
    if (code == 0)
        code = format->parse_told != NULL ? format->parse_told(text_bytes(&content), path, told, &document, err)
                                          : format->parse(text_bytes(&content), path, &document, err);
    if (code == 0 && !import_yaml(document_root(document), &yaml))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = check(text_bytes(&yaml), path, err);
    if (code == 0 && out != NULL)
        code = world_write_file(w, out, text_bytes(&yaml), false, err);
    else if (code == 0)
        fwrite(yaml.data, 1, yaml.len, stdout);
    document_free(document);
    text_deinit(&content);
    text_deinit(&yaml);
    return code;
}

static int run(const struct arguments *args)
{
    struct world *w = NULL;
    struct text told = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = world_real_new(1, &w, &err);
    const struct import_format *format = code == 0 ? format_of(w, args->argv[0]) : NULL;
    if (code == 0 && format == NULL) {
        world_real_free(w);
        return HARROW_USAGE;
    }
    if (code == 0)
        code = import(w, format, args->argv[0], &told, &err);
    size_t lines = 0;
    for (size_t i = 0; i < told.len; i++)
        lines += told.data[i] == '\n';
    if (lines > 0 && code == 0)
        fprintf(stderr, "in no flow (%zu):\n%s", lines, text_string(&told));
    int exit_code = code != 0 ? harrow_error(&err, "e2e import") : told.len > 0 ? HARROW_FAILED : HARROW_PASSED;
    if (code == ERROR_UNSUPPORTED) /* the file says what a flow cannot */
        exit_code = HARROW_INPUT;
    if (w != NULL)
        world_real_free(w);
    text_deinit(&told);
    error_clear(&err);
    return exit_code;
}

const struct command command_e2e_import = {
    .name = "import",
    .summary = "make a flow file of another tool's file",
    .positional = "FILE",
    .positional_min = 1,
    .positional_max = 1,
    .description = "Writes what `harrow e2e SYSTEM FILE` would run as a flow file. What of the file is in no flow is\n"
                   "told, a line each; then the exit code is 1. docs/flows-import.md",
    .examples = "  harrow e2e import login.hurl --out login.yaml\n"
                "  harrow e2e import shop.postman_collection.json --out shop.yaml\n"
                "  harrow e2e import book.yml --out flow.yaml\n",
    .options = options,
    .run = run,
};
