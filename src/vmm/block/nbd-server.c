/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu-nbd as a child. It gets its listening socket from us (the protocol of
 * socket activation), so there is nothing to wait for and nobody else can be
 * first to connect: the socket's folder is ours alone, and soon gone.
 */
#include "vmm/block/nbd-server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NBD_SERVER	 "qemu-nbd"
#define NBD_SERVER_FD	 3 /* where socket activation wants it */
#define NBD_STOP_TRIES	 500
#define NBD_STOP_NAP	 10000000 /* ns */
#define NBD_MAX_ENV	 1024
#define NBD_NO_SUCH_FILE 127

struct nbd_server {
	pid_t pid;   /* 0: gone */
	int said_fd; /* its standard error, or -1 */
};

/* Everything the child needs, made before the fork: it may only make system calls. */
struct nbd_child {
	char path[PATH_MAX], format[32], cache[32], pid_text[32];
	const char *argv[12];
	char *env[NBD_MAX_ENV];
	int listen_fd, said_fd;
};

static void nbd_child_fill(struct nbd_child *child, const struct block_config *config,
			   const char *format)
{
	unsigned int n = 0, i, e = 0;

	snprintf(child->format, sizeof(child->format), "--format=%s", format);
	snprintf(child->cache, sizeof(child->cache), "--cache=%s", block_cache_name(config->cache));
	child->argv[n++] = NBD_SERVER;
	child->argv[n++] = child->format;
	child->argv[n++] = child->cache;
	child->argv[n++] = "--discard=unmap";
	if (config->read_only)
		child->argv[n++] = "--read-only";
	child->argv[n++] = "--";
	child->argv[n++] = child->path;
	child->argv[n] = NULL;
	for (i = 0; environ[i] && e < NBD_MAX_ENV - 3; i++) {
		if (strncmp(environ[i], "LISTEN_", 7) != 0)
			child->env[e++] = environ[i];
	}
	child->env[e++] = (char *)"LISTEN_FDS=1";
	child->env[e++] = child->pid_text;
	child->env[e] = NULL;
}

static void nbd_child_write_pid(char *text)
{
	char digits[16];
	pid_t pid = getpid();
	int n = 0;

	do {
		digits[n++] = (char)('0' + pid % 10);
		pid /= 10;
	} while (pid);
	memcpy(text, "LISTEN_PID=", 11);
	text += 11;
	while (n > 0)
		*text++ = digits[--n];
	*text = '\0';
}

static void __attribute__((noreturn)) nbd_child_run(struct nbd_child *child, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	setpgid(0, 0); /* Ctrl-C is for the machine, which ends us in order */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	dup2(null_fd, STDIN_FILENO);
	dup2(null_fd, STDOUT_FILENO);
	dup2(child->said_fd, STDERR_FILENO);
	if (child->listen_fd == NBD_SERVER_FD)
		fcntl(NBD_SERVER_FD, F_SETFD, 0);
	else
		dup2(child->listen_fd, NBD_SERVER_FD);
	close_range(NBD_SERVER_FD + 1, ~0u, 0);
	nbd_child_write_pid(child->pid_text);
	execvpe(NBD_SERVER, (char *const *)child->argv, child->env);
	_exit(NBD_NO_SUCH_FILE);
}

/* A socket that nobody else can reach, and a connection to it that waits for who accepts. */
static int nbd_sockets(int *listen_fd, int *fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *base = getenv("XDG_RUNTIME_DIR");
	char dir[sizeof(addr.sun_path) - 8];
	int ret = 0;

	snprintf(dir, sizeof(dir), "%s/vitrine-nbd-XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(dir))
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/nbd", dir);
	*listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*listen_fd < 0 || *fd < 0 ||
	    bind(*listen_fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    listen(*listen_fd, 1) != 0 || connect(*fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		ret = -errno;
	unlink(addr.sun_path);
	rmdir(dir);
	return ret;
}

static int nbd_server_fork(struct nbd_server *server, struct nbd_child *child)
{
	pid_t parent = getpid();
	int pipe_fd[2];

	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return -errno;
	child->said_fd = pipe_fd[1];
	server->pid = fork();
	if (server->pid == 0)
		nbd_child_run(child, parent);
	close(pipe_fd[1]);
	server->said_fd = pipe_fd[0];
	return server->pid < 0 ? -errno : 0;
}

static int nbd_server_launch(struct nbd_server *server, struct nbd_child *child,
			     const struct block_config *config, const char *format, int *fd)
{
	int ret;

	/* An absolute path is never mistaken for a protocol's name. */
	if (!realpath(config->path, child->path))
		return -errno;
	child->listen_fd = *fd = -1;
	nbd_child_fill(child, config, format);
	ret = nbd_sockets(&child->listen_fd, fd);
	if (ret == 0)
		ret = nbd_server_fork(server, child);
	if (child->listen_fd >= 0)
		close(child->listen_fd);
	if (ret < 0 && *fd >= 0)
		close(*fd);
	return ret;
}

int nbd_server_start(const struct block_config *config, const char *format, struct nbd_server **out,
		     int *fd, struct err *err)
{
	struct nbd_server *server = calloc(1, sizeof(*server));
	struct nbd_child *child = calloc(1, sizeof(*child));
	int ret = server && child ? 0 : -ENOMEM;

	if (ret == 0) {
		server->said_fd = -1;
		ret = nbd_server_launch(server, child, config, format, fd);
	}
	free(child);
	if (ret < 0) {
		free(server);
		return err_sys(err, -ret, "%s: " NBD_SERVER, config->path);
	}
	*out = server;
	return 0;
}

void nbd_server_accept(struct nbd_server *server)
{
	close(server->said_fd);
	server->said_fd = -1;
}

/* Its end, within a few seconds: -1 if it does not come. */
static int nbd_server_reap(struct nbd_server *server)
{
	struct timespec nap = { .tv_nsec = NBD_STOP_NAP };
	int i, status;

	for (i = 0; i < NBD_STOP_TRIES; i++) {
		if (waitpid(server->pid, &status, WNOHANG) != 0) {
			server->pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		}
		nanosleep(&nap, NULL);
	}
	return -1;
}

int nbd_server_blame(struct nbd_server *server, const char *path, struct err *err)
{
	char said[256] = "", *text = said, *end;
	int status = nbd_server_reap(server);
	ssize_t n = 0;

	if (status == NBD_NO_SUCH_FILE)
		return err_set(err, ENOENT,
			       "%s: " NBD_SERVER " is missing: apt-get install qemu-utils", path);
	if (status >= 0)
		n = read(server->said_fd, said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	end = strchr(said, '\n');
	if (end)
		*end = '\0';
	if (strncmp(text, NBD_SERVER ": ", sizeof(NBD_SERVER ": ") - 1) == 0)
		text += sizeof(NBD_SERVER ": ") - 1;
	if (strstr(text, "\" lock"))
		return err_set(err, EBUSY,
			       "%s: in use: another virtual machine or program has locked it",
			       path);
	return err_set(err, EIO, "%s: " NBD_SERVER ": %s", path, *text ? text : "it gave up");
}

void nbd_server_stop(struct nbd_server *server)
{
	if (!server)
		return;
	if (server->pid > 0 && nbd_server_reap(server) < 0) {
		kill(server->pid, SIGKILL);
		waitpid(server->pid, NULL, 0);
	}
	if (server->said_fd >= 0)
		close(server->said_fd);
	free(server);
}
