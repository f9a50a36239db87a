/* Reading the journals of the dead, and carrying out what is open in them. */
#include "base/array.h"
#include "chaos/journal/journal.h"
#include "chaos/journal/line.h"

#include <stdio.h>

#define BEGIN "harrow-journal "

struct names {
    ARRAY(char *) list;
    bool failed;
};
struct step {
    uint64_t number;
    struct undo undo;
};
struct healing {
    struct world *world;
    bool list;
    bool (*remove)(void *arg, const struct undo *step); /* of namespaces, when nothing else is healed */
    void (*each)(void *arg, const struct heal_event *e);
    void *arg;
    struct heal_summary *summary;
    const char *folder;
    char boot[MACHINE_BOOT_ID_MAX];
};
struct content {
    struct world_foreign owner;
    bool this_boot;
    ARRAY(struct step) open; /* oldest first; strings point into the file's text */
};

static void tell(struct healing *h, struct heal_event e)
{
    struct heal_summary *s = h->summary;
    s->undone += e.state == HEAL_UNDONE && e.step != NULL;
    s->failed += e.state == HEAL_FAILED;
    s->alive += e.state == HEAL_ALIVE;
    s->refused += e.state == HEAL_REFUSED;
    s->left += e.state == HEAL_LEFT;
    if (h->each != NULL)
        h->each(h->arg, &e);
}

static int read_header(struct healing *h, char *line, struct content *out, struct error *err)
{
    long long id;
    unsigned long long started;
    char boot[MACHINE_BOOT_ID_MAX];
    int version;
    if (!line_check(line) || strncmp(line, BEGIN, strlen(BEGIN)) != 0)
        return error_set(err, ERROR_SYNTAX, "it does not begin as a journal does");
    if (sscanf(line + strlen(BEGIN), "%d", &version) != 1 || version != JOURNAL_VERSION)
        return error_set(err, ERROR_UNSUPPORTED, "it is of a version other than %d", JOURNAL_VERSION);
    if (sscanf(line + strlen(BEGIN), "%d %lld %llu %47s", &version, &id, &started, boot) != 4 || id <= 1)
        return error_set(err, ERROR_SYNTAX, "its owner is not told");
    out->owner = (struct world_foreign){.id = id, .started = started};
    out->this_boot = strcmp(boot, h->boot) == 0;
    return 0;
}

static int read_step(char *line, struct content *out, struct error *err)
{
    char *end = NULL;
    if (strncmp(line, "done ", 5) == 0) {
        uint64_t number = strtoull(line + 5, &end, 10);
        for (size_t i = 0; i < out->open.count; i++)
            if (out->open.items[i].number == number) {
                array_remove(&out->open, i);
                break;
            }
        return *end == '\0' ? 0 : error_set(err, ERROR_SYNTAX, "a line strikes what has no number");
    }
    if (strncmp(line, "do ", 3) != 0)
        return error_set(err, ERROR_SYNTAX, "a line is neither \"do\" nor \"done\"");
    struct step s = {.number = strtoull(line + 3, &end, 10)};
    if (*end != ' ')
        return error_set(err, ERROR_SYNTAX, "a step has no number");
    int code = undo_read(end + 1, &s.undo, err);
    if (code == 0 && (out->open.count >= JOURNAL_STEPS_MAX || !array_push(&out->open, s)))
        code = error_set(err, ERROR_LIMIT, "too many steps");
    return code;
}

/* What is behind the last newline is a line that was torn: what it would undo had not been done. */
static int read_content(struct healing *h, struct text *text, struct content *out, struct error *err)
{
    char *at = text->data, *end;
    bool first = true;
    int code = 0;
    for (; code == 0 && at != NULL && (end = strchr(at, '\n')) != NULL; at = end + 1, first = false) {
        *end = '\0';
        if (first)
            code = read_header(h, at, out, err);
        else if (!line_check(at))
            code = error_set(err, ERROR_SYNTAX, "a line's checksum is wrong");
        else
            code = read_step(at, out, err);
    }
    if (code == 0 && text->len != strlen(text_string(text)) && memchr(text->data, '\0', text->len) != NULL && first)
        code = error_set(err, ERROR_SYNTAX, "it is no text");
    return code;
}

static bool gone_with_its_boot(const struct content *c, const struct undo *u)
{
    return !c->this_boot && u->kind != UNDO_REMOVE && u->kind != UNDO_NAMESPACE;
}

static void undo_open(struct healing *h, const char *file, const char *path, struct content *c)
{
    size_t kept = 0;
    for (size_t i = c->open.count; i-- > 0;) {
        const struct undo *u = &c->open.items[i].undo;
        struct heal_event e = {.state = HEAL_LISTED, .file = file, .owner = c->owner.id, .step = u};
        struct error err = ERROR_INIT;
        struct text why = TEXT_INIT;
        if (h->remove != NULL) {
            kept += u->kind != UNDO_NAMESPACE || !h->remove(h->arg, u);
            continue;
        }
        if (!h->list && u->kind == UNDO_NAMESPACE) {
            e.state = HEAL_LEFT;
            kept++;
        } else if (!h->list) {
            int code = gone_with_its_boot(c, u) ? 0 : undo_apply(h->world, u, &err);
            e.state = code == 0 ? HEAL_UNDONE : HEAL_FAILED;
            kept += code != 0;
            error_format(&err, &why);
            e.reason = text_string(&why);
        }
        tell(h, e);
        text_deinit(&why);
        error_clear(&err);
    }
    if (!h->list && kept == 0)
        (void)world_remove(h->world, path); /* two heals at once: one is later */
}

/* Its owner is told by the name as well, for one that died before it had written who it was. */
static bool owner_of_name(const char *file, struct world_foreign *out)
{
    long long id;
    unsigned long long started;
    int end = 0;
    if (sscanf(file, "harrow-%lld-%llu-%*u.journal%n", &id, &started, &end) != 2 || end == 0 || file[end] != '\0')
        return false;
    *out = (struct world_foreign){.id = id, .started = started};
    return id > 1;
}

static void heal_file(struct healing *h, const char *file)
{
    struct text path = TEXT_INIT, text = TEXT_INIT, why = TEXT_INIT;
    struct content c = {0};
    struct world_foreign named;
    struct error err = ERROR_INIT;
    h->summary->journals++;
    text_printf(&path, "%s/%s", h->folder, file);
    int code = owner_of_name(file, &named) ? 0 : error_set(&err, ERROR_INVALID, "its name tells no owner");
    if (code == 0)
        code = machine_private_read(h->world, text_string(&path), JOURNAL_SIZE_MAX, &text, &err);
    if (code == ERROR_NOT_FOUND)
        goto out; /* another heal was faster, or its owner ended */
    /* Not a whole line yet: nothing was done. */
    bool begun = code == 0 && memchr(text_string(&text), '\n', text.len) != NULL;
    if (code == 0 && begun)
        code = read_content(h, &text, &c, &err);
    if (code == 0 && begun && (c.owner.id != named.id || c.owner.started != named.started))
        code = error_set(&err, ERROR_INVALID, "it is not the journal its name says");
    bool alive = code == 0 && (!begun || c.this_boot) && machine_process_lives(h->world, &named);
    if (code != 0) {
        error_format(&err, &why);
        tell(h, (struct heal_event){.state = HEAL_REFUSED, .file = file, .reason = text_string(&why)});
    } else if (alive) {
        tell(h, (struct heal_event){.state = HEAL_ALIVE, .file = file, .owner = named.id});
    } else {
        c.owner = named;
        undo_open(h, file, text_string(&path), &c);
    }
out:
    array_deinit(&c.open);
    text_deinit(&why);
    text_deinit(&text);
    text_deinit(&path);
    error_clear(&err);
}

static void keep_name(void *arg, const char *name)
{
    struct names *n = arg;
    size_t len = strlen(name), end = strlen(".journal");
    if (len <= end || strcmp(name + len - end, ".journal") != 0 || n->list.count >= JOURNAL_FILES_MAX)
        return;
    char *copy = strdup(name);
    if (copy == NULL || !array_push(&n->list, copy)) {
        free(copy);
        n->failed = true;
    }
}

static int heal_all(struct healing h, struct error *err)
{
    struct world *w = h.world;
    struct text folder = TEXT_INIT;
    struct world_stat stat = {0};
    struct names names = {0};
    *h.summary = (struct heal_summary){0};
    int code = undo_journal_folder(w, &folder, err);
    if (code == 0)
        code = world_stat(w, text_string(&folder), &stat);
    if (code != 0 || (!stat.exists && !stat.link))
        goto out;
    if ((code = machine_private_folder(w, text_string(&folder), err)) != 0 ||
        (code = machine_boot_id(w, h.boot, err)) != 0)
        goto out;
    h.folder = text_string(&folder);
    if ((code = world_list(w, h.folder, keep_name, &names)) != 0)
        error_set(err, code, "cannot list %s: %s", h.folder, error_code_name(code));
    else if (names.failed)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < names.list.count; i++) {
        if (code == 0)
            heal_file(&h, names.list.items[i]);
        free(names.list.items[i]);
    }
out:
    array_deinit(&names.list);
    text_deinit(&folder);
    return code;
}

int undo_journal_heal(struct world *w, bool list, void (*each)(void *arg, const struct heal_event *e), void *arg,
                      struct heal_summary *summary, struct error *err)
{
    return heal_all((struct healing){.world = w, .list = list, .each = each, .arg = arg, .summary = summary}, err);
}

int undo_journal_heal_namespaces(struct world *w, bool (*remove)(void *arg, const struct undo *step), void *arg,
                                 struct error *err)
{
    struct heal_summary summary;
    return heal_all((struct healing){.world = w, .remove = remove, .arg = arg, .summary = &summary}, err);
}
