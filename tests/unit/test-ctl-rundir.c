/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl/rundir and ctl/client: folders that are taken, in use, stale, hostile; names and prefixes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/client.h"
#include "ctl/rundir.h"

static char home[] = "/tmp/vitrine-test-XXXXXX";

static int setup(void **state)
{
	(void)state;
	strcpy(home + sizeof(home) - 7, "XXXXXX");
	if (!mkdtemp(home))
		return -1;
	return setenv("XDG_RUNTIME_DIR", home, 1);
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", home);
	return system(cmd);
}

static bool exists(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/vitrine/%s", home, name);
	return lstat(path, &st) == 0;
}

static void touch(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/vitrine/%s", home, name);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void test_names(void **state)
{
	char path[RUNDIR_PATH_MAX];
	struct err err = ERR_INIT;

	(void)state;
	assert_true(rundir_name_ok("demo-2.x_Y"));
	assert_false(rundir_name_ok(""));
	assert_false(rundir_name_ok("."));
	assert_false(rundir_name_ok(".."));
	assert_false(rundir_name_ok("-x"));
	assert_false(rundir_name_ok("a/b"));
	assert_false(rundir_name_ok("a b"));
	assert_int_equal(rundir_path("../x", path, sizeof(path), &err), -EINVAL);
}

static void test_take(void **state)
{
	struct rundir one, two;
	struct err err = ERR_INIT;
	struct stat st;
	pid_t pid;

	(void)state;
	assert_int_equal(rundir_take("a", &one, &err), 0);
	assert_int_equal(stat(one.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(rundir_alive("a", &pid));
	assert_int_equal(pid, getpid());
	assert_int_equal(rundir_take("a", &two, &err), -EEXIST);
	assert_non_null(strstr(err.text, "in use"));
	assert_false(rundir_sweep("a"));
	touch("a/log");
	rundir_release(&one);
	assert_false(exists("a"));
	assert_false(rundir_alive("a", NULL));
	assert_int_equal(rundir_take("a", &two, &err), 0);
	rundir_release(&two);
}

/* A VM process that is killed leaves its folder; whoever looks next removes it. */
static void test_killed(void **state)
{
	struct ctl_vm_info *list = NULL;
	struct err err = ERR_INIT;
	struct rundir dir;
	int fds[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		c = rundir_take("dead", &dir, NULL) == 0 ? 'y' : 'n';
		touch("dead/qmp.sock");
		if (write(fds[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_true(rundir_alive("dead", NULL));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_false(rundir_alive("dead", NULL));
	assert_true(exists("dead/qmp.sock"));
	assert_int_equal(ctl_list(&list, &err), 0);
	assert_false(exists("dead"));
	free(list);
	close(fds[0]);
	close(fds[1]);
}

static void test_stale_is_taken_over(void **state)
{
	struct err err = ERR_INIT;
	char path[256];
	struct rundir dir;

	(void)state;
	assert_int_equal(rundir_base(path, sizeof(path), &err), 0);
	snprintf(path, sizeof(path), "%s/vitrine/old", home);
	assert_int_equal(mkdir(path, 0700), 0);
	touch("old/console.sock");
	assert_int_equal(rundir_take("old", &dir, &err), 0);
	assert_false(exists("old/console.sock"));
	rundir_release(&dir);
}

static void test_hostile(void **state)
{
	struct err err = ERR_INIT;
	char path[256], link[256];
	struct rundir dir;

	(void)state;
	assert_int_equal(rundir_base(path, sizeof(path), &err), 0);
	snprintf(link, sizeof(link), "%s/vitrine/link", home);
	assert_int_equal(symlink("/tmp", link), 0);
	assert_true(rundir_take("link", &dir, &err) < 0);
	assert_false(rundir_sweep("link"));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(rundir_base(path, sizeof(path), &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 700"));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(rundir_base(path, sizeof(path), &err), -EPERM);
}

static void test_prefixes(void **state)
{
	char name[VM_NAME_MAX];
	struct err err = ERR_INIT;
	struct rundir a, b;

	(void)state;
	assert_int_equal(ctl_resolve(NULL, name, sizeof(name), &err), -ENOENT);
	assert_int_equal(rundir_take("demo", &a, &err), 0);
	assert_int_equal(ctl_resolve("", name, sizeof(name), &err), 0);
	assert_string_equal(name, "demo");
	assert_int_equal(rundir_take("demo-2", &b, &err), 0);
	assert_int_equal(ctl_resolve("de", name, sizeof(name), &err), -EEXIST);
	assert_non_null(strstr(err.text, "demo, demo-2"));
	assert_int_equal(ctl_resolve("demo", name, sizeof(name), &err), 0);
	assert_string_equal(name, "demo");
	assert_int_equal(ctl_resolve("demo-", name, sizeof(name), &err), 0);
	assert_string_equal(name, "demo-2");
	assert_int_equal(ctl_resolve("x", name, sizeof(name), &err), -ENOENT);
	rundir_release(&a);
	rundir_release(&b);
}

static void test_long_runtime_dir(void **state)
{
	char path[RUNDIR_PATH_MAX], *deep = home;
	struct err err = ERR_INIT;
	char longer[400];

	(void)state;
	snprintf(longer, sizeof(longer), "%s/%0150d", deep, 0);
	assert_int_equal(mkdir(longer, 0700), 0);
	setenv("XDG_RUNTIME_DIR", longer, 1);
	assert_int_equal(rundir_base(path, sizeof(path), &err), -ENAMETOOLONG);
	setenv("XDG_RUNTIME_DIR", home, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_take, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale_is_taken_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prefixes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_runtime_dir, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
