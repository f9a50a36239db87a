/* The files in ci/ that are ready for a CI system, as YAML by our own parser: they are well formed, and what runs in
 * them stands where that system looks for it. That they name only scripts and options there are: ready_test.py. */
#include "base/document.h"
#include "base/test.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

#define DOCUMENTS_MAX 4

static struct world *world;

/* A file's documents, each by itself: a document here is one. */
static size_t read_documents(const char *path, struct text *text, struct document *out[DOCUMENTS_MAX])
{
    struct error err = ERROR_INIT;
    size_t count = 0;
    if (world_read_file(world, path, 1 << 20, text, &err) != 0)
        fail_msg("%s: %s", path, err.message);
    for (const char *at = text_string(text); at != NULL;) {
        const char *end = strstr(at, "\n---\n");
        size_t len = end != NULL ? (size_t)(end - at) + 1 : strlen(at);
        struct text said = TEXT_INIT;
        assert_true(count < DOCUMENTS_MAX);
        if (document_parse_yaml(BYTES(at, len), path, &out[count], &err) != 0) {
            error_format(&err, &said);
            fail_msg("%s", text_string(&said));
        }
        count++;
        at = end != NULL ? end + strlen("\n---\n") : NULL;
    }
    return count;
}

static const struct node *at(const struct node *n, const char *path)
{
    char key[64];
    while (n != NULL && *path != 0) {
        size_t len = strcspn(path, "/");
        (void)snprintf(key, sizeof key, "%.*s", (int)len, path);
        n = n->kind == NODE_LIST ? &n->list.items[0] : node_get(n, key);
        path += len + (path[len] == '/');
    }
    return n;
}

static bool holds(const struct node *list, const char *key, const char *word)
{
    for (size_t i = 0; list != NULL && list->kind == NODE_LIST && i < list->list.count; i++) {
        const struct node *n = &list->list.items[i];
        if (key != NULL)
            n = node_get(n, key);
        if (n != NULL && n->kind == NODE_TEXT && strstr((const char *)n->text.data, word) != NULL)
            return true;
    }
    return false;
}

static void test_github(void **state)
{
    (void)state;
    struct document *d[DOCUMENTS_MAX];
    struct text text = TEXT_INIT;
    assert_int_equal(read_documents("ci/github-actions.yml", &text, d), 1);
    const struct node *root = document_root(d[0]);
    assert_non_null(at(root, "on/schedule"));
    assert_true(holds(at(root, "jobs/gate/steps"), "run", "ci/setup.sh test"));
    assert_true(holds(at(root, "jobs/gate/steps"), "run", "ci/gate "));
    assert_true(holds(at(root, "jobs/nightly/steps"), "run", "ci/nightly "));
    document_free(d[0]);
    text_deinit(&text);
}

static void test_gitlab(void **state)
{
    (void)state;
    struct document *d[DOCUMENTS_MAX];
    struct text text = TEXT_INIT;
    assert_int_equal(read_documents("ci/gitlab-ci.yml", &text, d), 1);
    const struct node *root = document_root(d[0]);
    assert_true(holds(at(root, ".prepared/before_script"), NULL, "ci/setup.sh test"));
    assert_true(holds(at(root, "gate/script"), NULL, "ci/gate "));
    assert_true(holds(at(root, "nightly/script"), NULL, "ci/nightly "));
    assert_non_null(at(root, "gate/artifacts/reports/junit"));
    document_free(d[0]);
    text_deinit(&text);
}

static void test_kubernetes(void **state)
{
    (void)state;
    struct document *d[DOCUMENTS_MAX];
    struct text text = TEXT_INIT;
    assert_int_equal(read_documents("ci/cronjob.yaml", &text, d), 2);
    const struct node *job = document_root(d[1]);
    const struct node *container = at(job, "spec/jobTemplate/spec/template/spec/containers");
    assert_string_equal((const char *)at(job, "kind")->text.data, "CronJob");
    assert_true(holds(at(container, "0/command"), NULL, "ci/nightly"));
    /* The volume that is mounted is the claim of the first document. */
    const struct node *claim = at(job, "spec/jobTemplate/spec/template/spec/volumes/0/persistentVolumeClaim/claimName");
    assert_non_null(claim);
    assert_string_equal((const char *)claim->text.data,
                        (const char *)at(document_root(d[0]), "metadata/name")->text.data);
    document_free(d[0]);
    document_free(d[1]);
    text_deinit(&text);
}

static int open_world(void **state)
{
    (void)state;
    return world_real_new(1, &world, NULL);
}

static int close_world(void **state)
{
    (void)state;
    world_real_free(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_github),
        cmocka_unit_test(test_gitlab),
        cmocka_unit_test(test_kubernetes),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
