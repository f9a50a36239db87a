#include "harrow/system/driver_disk.h"

#include "base/units.h"
#include "world/image.h"

#include <stdio.h>
#include <string.h>

#define IMAGE_SIZE  ((uint64_t)4 << 30) /* bytes it may grow to */
#define FREE_WITHIN ((uint64_t)(5 * SECOND))
#define LOOK_EVERY  ((uint64_t)(5 * MILLISECOND))

const char *const disk_names[] = {"shared", "image", NULL};

bool driver_disk_asked(void)
{
    return common.disk != NULL && strcmp(common.disk, "image") == 0;
}

bool driver_disk_refuses(const char *command)
{
    if (!driver_disk_asked() || strcmp(common.driver, "processes") == 0)
        return false;
    fprintf(stderr, "harrow: %s: --disk image is for --driver processes: the %s driver gives nobody a disk\n", command,
            common.driver);
    return true;
}

static const char *image_path(struct system *s)
{
    return arena_printf(&s->arena, "%s/data.image", s->folder);
}

int driver_disk_start(struct system *s, struct error *err)
{
    const char *folder = system_absolute(s, s->values.data), *file = image_path(s);
    struct world_image *i = ARENA_NEW(&s->arena, struct world_image);
    if (!machine_is_root())
        return error_set(err, ERROR_DENIED, "--disk image needs root");
    if (folder == NULL || file == NULL || i == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = world_image_make(s->run->world, file, folder, IMAGE_SIZE, i, err);
    if (code == 0 && (code = world_image_mount(s->run->world, i, err)) != 0)
        world_image_close(i);
    if (code != 0)
        return error_wrap(err, "a disk for %s", s->manifest->name);
    s->target.disk = i;
    s->disk = i;
    return 0;
}

void driver_disk_stop(struct system *s)
{
    struct world *w = s->run->world;
    struct error err = ERROR_INIT;
    if (s->disk == NULL)
        return;
    uint64_t end = world_now(w) + FREE_WITHIN;
    while (world_image_unmount(w, s->disk, &err) == ERROR_IN_USE && world_now(w) < end) {
        error_clear(&err);
        (void)world_sleep(w, LOOK_EVERY);
    }
    error_clear(&err); /* it goes with us at the latest */
    world_image_close(s->disk);
    s->target.disk = s->disk = NULL;
    const char *file = image_path(s);
    if (file != NULL && common.keep)
        run_say(s->run, "the system's data is in %s (mount -o loop)", file);
    else if (file != NULL)
        (void)world_remove(w, file);
}
