/* What the tests of SQL share: a system on real files, a folder of its own, and flows that pass or fail there. */
#ifndef E2E_SQL_TEST_STAGE_H
#define E2E_SQL_TEST_STAGE_H

#include "e2e/test_walk.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define SQL_FOLDER 32 /* bytes of its name */

/* `memory`: where that can be, the folder is in memory: each commit waits for the disk otherwise. False: it failed. */
static inline bool sql_stage_open(struct test_system **out, char folder[SQL_FOLDER], bool memory)
{
    void *system = NULL;
    if (test_system_setup_real(&system) != 0)
        return false;
    *out = system;
    (*out)->options.step_timeout = (uint64_t)(600 * SECOND); /* of steps that say nothing: no machine is too slow */
    return (memory && mkdtemp(strcpy(folder, "/dev/shm/harrow-test-XXXXXX")) != NULL) ||
           mkdtemp(strcpy(folder, "/tmp/harrow-test-XXXXXX")) != NULL;
}

static inline int sql_stage_close(struct test_system *s, const char *folder)
{
    void *system = s;
    int code = world_remove_tree(s->world, folder);
    return test_system_teardown(&system) != 0 ? -1 : code;
}

static inline void sql_passes(struct test_system *s, const char *yaml)
{
    if (!test_run(s, yaml)) {
        struct text report = TEXT_INIT;
        test_report(s, &report);
        fail_msg("%s\nin:\n%s", text_string(&report), yaml);
    }
}

static inline void sql_fails(struct test_system *s, const char *yaml, const char *message)
{
    assert_false(test_run(s, yaml));
    const char *got = json_string_value(json_object_get(test_last(s, "case"), "message"));
    if (strstr(got, message) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", message, got);
}

#endif
