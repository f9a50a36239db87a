/* micro new, micro gen, micro sdk: services in C, from nothing to a program. */
#include "runtime/cli/cli.h"
#include "runtime/cli/template.h"

#include "base/array.h"
#include "runtime/component.h"
#include "world/world.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64
#define SET_MAX      ((size_t)4 << 20) /* bytes of a descriptor set */
#define PROTOS_MAX   64                /* contracts of one service */

/* ---- names ---- */

struct names {
    char name[NAME_MAX_LEN], snake[NAME_MAX_LEN], camel[NAME_MAX_LEN], upper[NAME_MAX_LEN];
};

/* As protoc-gen-c makes them: the package in lower case with "_", its types without and each part capitalised. */
static void spell(struct names *n)
{
    size_t camel = 0;
    bool begin = true;
    for (size_t i = 0;; i++) {
        char c = n->name[i] == '-' ? '_' : n->name[i];
        n->snake[i] = c;
        n->upper[i] = (char)toupper((unsigned char)c);
        if (c != '_')
            n->camel[camel++] = begin ? (char)toupper((unsigned char)c) : c;
        begin = c == '_';
        if (!c)
            return;
    }
}

static bool name_fits(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= NAME_MAX_LEN || !islower((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = name[i] == '-' || name[i] == '_';
        if (!dash && !islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]))
            return false;
        if (dash && !isalpha((unsigned char)name[i + 1])) /* nor at the end, nor before a digit */
            return false;
    }
    return true;
}

/* "@camel@__Request" into "Greeter__Request". */
static void fill(struct text *out, const char *text, const struct names *names)
{
    const struct {
        const char *mark, *value;
    } table[] = {
        {"@name@", names->name}, {"@snake@", names->snake}, {"@camel@", names->camel}, {"@upper@", names->upper}};
    while (*text) {
        size_t len = strcspn(text, "@");
        text_add(out, text, len);
        text += len;
        if (!*text)
            break;
        bool found = false;
        for (size_t i = 0; !found && i < sizeof table / sizeof table[0]; i++) {
            size_t mark = strlen(table[i].mark);
            found = strncmp(text, table[i].mark, mark) == 0;
            if (found) {
                text_puts(out, table[i].value);
                text += mark;
            }
        }
        if (!found)
            text_char(out, *text++);
    }
}

/* ---- new ---- */

static int write_file(struct cli *c, const char *folder, const struct template_file *f, const struct names *names)
{
    struct text path = TEXT_INIT, content = TEXT_INIT;
    struct error err = ERROR_INIT;
    text_printf(&path, "%s/", folder);
    fill(&path, f->path, names);
    fill(&content, f->text, names);
    int code = CLI_OK;
    if (!text_ok(&path) || !text_ok(&content))
        code = cli_no_memory();
    else if (world_write_file(c->world, text_string(&path), text_bytes(&content), false, &err) < 0)
        code = cli_fail_error(CLI_TIMEOUT, &err);
    text_deinit(&path);
    text_deinit(&content);
    error_clear(&err);
    return code;
}

static void print_created(const char *folder, const struct names *names)
{
    printf("Creating service %s\n\n%s\n", names->name, folder);
    for (const struct template_file *f = template_files; f->path; f++) {
        struct text path = TEXT_INIT;
        fill(&path, f->path, names);
        printf("%s %s\n", f[1].path ? "├──" : "└──", text_string(&path));
        text_deinit(&path);
    }
    printf("\n"
           "# build it:\n"
           "#     cd %s && make\n"
           "# run it with micro:\n"
           "#     micro run .\n"
           "# and call it:\n"
           "#     micro %s --name=Joe\n",
           folder, names->name);
}

int command_new(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    const char *folder = args->argv[0], *slash = strrchr(folder, '/');
    struct names names = {.name = ""};
    struct world_stat there;
    const char *name = slash ? slash + 1 : folder;
    if (!name_fits(name))
        return cli_fail(CLI_UNAUTHORIZED,
                        "\"%.80s\" is not a name for a service: lower-case letters and digits, words joined by \"-\"",
                        name);
    snprintf(names.name, sizeof names.name, "%s", name);
    spell(&names);
    if (world_stat(c->world, folder, &there) < 0)
        return cli_fail(CLI_TIMEOUT, "cannot look at %s", folder);
    if (there.exists)
        return cli_fail(CLI_TIMEOUT, "the folder %s already exists", folder);
    int rc = world_make_directory(c->world, folder);
    if (rc < 0)
        return cli_fail(CLI_TIMEOUT, "cannot make the folder %s: %s", folder, error_code_name(rc));
    int code = CLI_OK;
    for (const struct template_file *f = template_files; code == CLI_OK && f->path; f++)
        code = write_file(c, folder, f, &names);
    if (code == CLI_OK)
        print_created(folder, &names);
    return code;
}

/* ---- sdk ---- */

static struct {
    bool cflags, libs, cc, protos, version;
    const char *out;
} flags;

const struct option sdk_options[] = {
    {.name = "cflags", .kind = OPTION_FLAG, .target = &flags.cflags, .help = "what the compiler needs"},
    {.name = "libs", .kind = OPTION_FLAG, .target = &flags.libs, .help = "what the linker needs"},
    {.name = "cc", .kind = OPTION_FLAG, .target = &flags.cc, .help = "the compiler the libraries were made with"},
    {.name = "protos", .kind = OPTION_FLAG, .target = &flags.protos, .help = "the folder of micro's own contracts"},
    {.name = "version", .kind = OPTION_FLAG, .target = &flags.version, .help = "the version"},
    {.name = NULL},
};

/* micro.pc of where we are: beside an installed micro, or at the top of the tree it was built in. */
static int find_pc(struct cli *c, char out[2 * CLI_PATH_MAX])
{
    static const char *const places[] = {MICRO_PC_INSTALLED, "../micro.pc"};
    char program[CLI_PATH_MAX];
    struct world_stat stat;
    if (!cli_program(program))
        return cli_fail(CLI_TIMEOUT, "cannot find out the path of this program");
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(out, 2 * CLI_PATH_MAX, "%s/%s", program, places[i]);
        if (world_stat(c->world, out, &stat) == 0 && stat.exists)
            return CLI_OK;
    }
    return cli_fail(CLI_TIMEOUT, "there is no micro.pc for %s/micro: install it whole, with headers and libraries",
                    program);
}

static int ask_pkg_config(struct cli *c, const char *question, struct text *out)
{
    char path[2 * CLI_PATH_MAX];
    struct world_exit status;
    int code = find_pc(c, path);
    if (code != CLI_OK)
        return code;
    const char *const argv[] = {"pkg-config", question, path, NULL};
    const struct cli_process what = {.argv = argv, .output = out};
    code = cli_run_process(c, &what, &status);
    if (code == CLI_OK && (status.signalled || status.code != 0))
        code = cli_fail(CLI_TIMEOUT, "pkg-config cannot read %s", path);
    while (out->len > 0 && isspace((unsigned char)out->data[out->len - 1]))
        text_truncate(out, out->len - 1);
    return code;
}

int command_sdk(const struct arguments *args)
{
    const struct {
        bool wanted;
        const char *question;
    } table[] = {{flags.cflags, "--cflags"},
                 {flags.libs, "--libs"},
                 {flags.cc, "--variable=cc"},
                 {flags.protos, "--variable=protos"},
                 {flags.version, "--modversion"}};
    int code = CLI_OK, asked = 0;
    for (size_t i = 0; code == CLI_OK && i < sizeof table / sizeof table[0]; i++) {
        struct text out = TEXT_INIT;
        if (!table[i].wanted)
            continue;
        asked++;
        code = ask_pkg_config(cli_of(args), table[i].question, &out);
        if (code == CLI_OK)
            printf("%s\n", text_string(&out));
        text_deinit(&out);
    }
    return code == CLI_OK && asked == 0 ? cli_fail(EXIT_USAGE, "expected --cflags, --libs, --cc, --protos or --version")
                                        : code;
}

/* ---- gen ---- */

const struct option gen_options[] = {
    {.name = "out",
     .kind = OPTION_TEXT,
     .target = &flags.out,
     .argument = "DIR",
     .help = "where the code goes; FOLDER when absent"},
    {.name = NULL},
};

struct protos {
    ARRAY(char *) names; /* without ".proto" */
    bool failed;
};

static void on_entry(void *arg, const char *name)
{
    struct protos *p = arg;
    size_t len = strlen(name);
    if (len <= 6 || strcmp(name + len - 6, ".proto") != 0 || name[0] == '-')
        return;
    char *stem = strndup(name, len - 6);
    if (!stem || p->names.count >= PROTOS_MAX || !array_push(&p->names, stem)) {
        free(stem);
        p->failed = true;
    }
}

/* The descriptors as a C array, NAME_set. */
static int write_set(struct cli *c, const char *out, const char *stem, const char *set)
{
    struct text bytes = TEXT_INIT, code_text = TEXT_INIT;
    struct error err = ERROR_INIT;
    char path[2 * CLI_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.set.h", out, stem);
    int rc = world_read_file(c->world, set, SET_MAX, &bytes, &err);
    text_printf(&code_text,
                "/* Descriptors of %s.proto and what it imports; made by `micro gen`. */\n"
                "#include <stdint.h>\n\nstatic const uint8_t ",
                stem);
    for (const char *p = stem; *p; p++)
        text_char(&code_text, isalnum((unsigned char)*p) ? *p : '_');
    text_puts(&code_text, "_set[] = {");
    for (size_t i = 0; i < bytes.len; i++)
        text_printf(&code_text, "%s0x%02x,", i % 20 == 0 ? "\n    " : "", (unsigned char)bytes.data[i]);
    text_puts(&code_text, "\n};\n");
    if (rc == 0)
        rc = text_ok(&code_text) ? world_write_file(c->world, path, text_bytes(&code_text), false, &err)
                                 : error_set(&err, ERROR_MEMORY, "out of memory");
    int code = rc < 0 ? cli_fail_error(CLI_TIMEOUT, &err) : CLI_OK;
    text_deinit(&bytes);
    text_deinit(&code_text);
    error_clear(&err);
    return code;
}

static int generate(struct cli *c, const char *folder, const char *out, const char *protos, const char *stem)
{
    struct world_exit status;
    struct arena arena = ARENA_INIT;
    char *set = arena_printf(&arena, "%s/%s.set.tmp", out, stem);
    const char *const argv[] = {
        "protoc",
        arena_printf(&arena, "--proto_path=%s", folder),
        arena_printf(&arena, "--proto_path=%s", protos[0] ? protos : folder),
        arena_printf(&arena, "--c_out=%s", out),
        "--include_imports",
        arena_printf(&arena, "--descriptor_set_out=%s", set ? set : ""),
        arena_printf(&arena, "%s/%s.proto", folder, stem),
        NULL,
    };
    int code = CLI_OK;
    for (size_t i = 0; i < sizeof argv / sizeof argv[0] - 1; i++)
        if (!argv[i])
            code = cli_no_memory();
    const struct cli_process what = {.argv = argv};
    if (code == CLI_OK)
        code = cli_run_process(c, &what, &status);
    if (code == CLI_OK && (status.signalled || status.code != 0))
        code = cli_fail(CLI_FAILED, "protoc refuses %s.proto", stem);
    if (code == CLI_OK)
        code = write_set(c, out, stem, set);
    if (set)
        (void)world_remove(c->world, set);
    arena_deinit(&arena);
    return code;
}

int command_gen(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    const char *folder = args->argc > 0 ? args->argv[0] : ".", *out = flags.out ? flags.out : folder;
    struct text protos = TEXT_INIT;
    struct protos found = {.failed = false};
    int rc = world_list(c->world, folder, on_entry, &found);
    int code = CLI_OK;
    if (rc < 0)
        code = cli_fail(CLI_TIMEOUT, "cannot read the folder %s: %s", folder, error_code_name(rc));
    else if (found.failed)
        code = cli_fail(CLI_TIMEOUT, "there are more than %d contracts in %s, or memory is short", PROTOS_MAX, folder);
    else if (found.names.count == 0)
        code = cli_fail(CLI_TIMEOUT, "there is no .proto file in %s", folder);
    if (code == CLI_OK) { /* without an SDK a contract may not import micro's own, which few do */
        bool was = cli_quiet(true);
        if (ask_pkg_config(c, "--variable=protos", &protos) != CLI_OK)
            text_clear(&protos);
        cli_quiet(was);
    }
    for (size_t i = 0; code == CLI_OK && i < found.names.count; i++)
        code = generate(c, folder, out, text_string(&protos), found.names.items[i]);
    for (size_t i = 0; i < found.names.count; i++)
        free(found.names.items[i]);
    array_deinit(&found.names);
    text_deinit(&protos);
    return code;
}
