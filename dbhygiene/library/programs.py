"""`QUICK_PROGRAMS`: programs that end in milliseconds: to run one is no wait.

The lists are of GNU coreutils, procps, shadow-utils, util-linux, OpenSSH, systemd and git, by their manuals: programs
that make one or a few system calls, read one file, or print what the kernel or a daemon knows.
"""

from __future__ import annotations

from dbhygiene.library.words import words
from dbhygiene.source.lazy_pattern import lazy_pattern

QUICK_PROGRAMS = words(
    """which whoami hostname uname id groups date pwd ls cat head tail wc stat file readlink realpath dirname basename
    true false echo printf ps pgrep kill pkill killall chmod chown chgrp ln mkdir rmdir mktemp cp mv rm touch test [
    systemctl supervisorctl service locale tput stty sysctl ulimit env getent lsb_release sw_vers arch tty
    ip ifconfig lsof nproc free df uptime clear cls cd umask
    grep egrep fgrep sed cut tr md5sum sha256sum cmp diff
    useradd usermod userdel groupadd groupmod groupdel gpasswd chpasswd setfacl getfacl crontab mount umount
    ssh-keygen ssh-keyscan ssh-add exiftool ffprobe identify pdftotext pdfinfo"""
)
QUICK_COMMANDS = (
    ("git", "rev-parse"),
    ("git", "describe"),
    ("git", "log"),
    ("git", "status"),
    ("git", "show"),
    ("git", "config"),
    ("git", "branch"),
    ("git", "diff"),
)
# Options with which one of them goes through a tree of files of any size, or follows a file for ever.
SLOW_OPTIONS = {
    **dict.fromkeys(
        ("cp", "grep", "egrep", "fgrep", "diff", "mv"), lazy_pattern(r"-[a-z]*[rRa]\w*|--(?:recursive|archive)")
    ),
    "tail": lazy_pattern(r"-\w*[fF]\w*|--follow.*"),
}
# Programs that run the command after them, and their options that take a word of their own.
PREFIXES = {
    "sudo": lazy_pattern(r"-[ugpCrthD]|--user|--group"),
    "nice": lazy_pattern(r"-n|--adjustment"),
    "env": lazy_pattern(r"-u|--unset"),
    "ionice": lazy_pattern(r"-[cnp]"),
    "nohup": lazy_pattern(r"(?!)"),
    "exec": lazy_pattern(r"(?!)"),
}
