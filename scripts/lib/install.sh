#!/bin/sh
# Finds what Backbone needs on this machine, says what is missing, and installs it.
#
# For scripts/up and scripts/test, which read this file with `.`; it does nothing by itself.
# It wants from its reader:
#   root   the folder of the repository
# and gives:
#   ensure_tools install|print                      all of it; afterwards `cargo` and the servers are there
#   ensure_programs install|print WHO PROGRAM …     programs that are packaged under their own names, which WHO needs
#
# Plain POSIX sh: macOS has bash 3.2, and small Linux images have no bash at all.

: "${root:?must be set before this file is read}"

# The oldest that will do; crates/devstack looks for the same.
postgres_minimum=15
redis_minimum=7

# Everything that people read goes to standard error, so that standard output belongs to the program.
say() { printf '%s\n' "$*" >&2; }
fail() { say "$(basename "$0"): $*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# ensure_tools install|print
ensure_tools() {
  use_rustup_folder
  find_system
  list_missing
  [ -n "$missing" ] || return 0
  say "Backbone needs on this machine:$missing"
  plan_packages
  install_or_print "$1"
  use_rustup_folder
  list_missing
  [ -z "$missing" ] || fail "still missing after the installation:$missing. $advice"
}

# install_or_print install|print: printing is the end, because what is missing is still missing.
install_or_print() {
  if [ "$1" = print ]; then
    say 'These commands install it:'
    commands print
    exit 1
  fi
  say 'Running these commands:'
  commands print
  commands run
}

# ensure_programs install|print WHO PROGRAM …
ensure_programs() {
  mode_of_programs=$1 who=$2
  shift 2
  packages='' need_postgres='' need_redis='' rust_by=''
  for program in "$@"; do
    has_program "$program" || packages="$packages $(package_of "$program")"
  done
  [ -n "$packages" ] || return 0
  find_system
  case $manager in unknown) fail "this system has neither apt-get, dnf, pacman nor Homebrew. Install by hand:$packages" ;; esac
  say "$who needs on this machine:$packages"
  install_or_print "$mode_of_programs"
  for program in "$@"; do
    has_program "$program" || fail "$program is still missing or too old after the installation: install it by hand"
  done
}

# Most programs are there when their name is; an old Python has no `venv`, Debian's has none without another package.
has_program() {
  case $1 in
    python3) python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ;;
    *) has "$1" ;;
  esac
}

# A program's package, where it is not named after it.
package_of() {
  find_system
  case $manager.$1 in
    apt.python3) echo python3 python3-venv ;;
    pacman.python3 | brew.python3) echo python ;;
    apt.ps) echo procps ;;
    dnf.ps | pacman.ps) echo procps-ng ;;
    apt.node | dnf.node | pacman.node) echo nodejs ;;
    brew.npm) echo node ;;
    dnf.faketime | pacman.faketime | brew.faketime) echo libfaketime ;;
    *) echo "$1" ;;
  esac
}

# --- what is missing -------------------------------------------------------------------------------------------------

# Sets `missing` to what people are told, and need_* to yes or nothing.
list_missing() {
  missing='' need_rust='' need_cc='' need_make='' need_postgres='' need_redis='' need_curl='' need_certificates=''
  has_rust || { need_rust=yes; missing="$missing Rust $(rust_version) or newer,"; }
  has cc || { need_cc=yes; missing="$missing a C compiler,"; }
  has make || { need_make=yes; missing="$missing make,"; }
  # A server of one's own makes a private one unnecessary.
  [ -n "${DATABASE_URL:-}" ] || has_postgres || {
    need_postgres=yes; missing="$missing PostgreSQL $postgres_minimum or newer,"
  }
  [ -n "${REDIS_URL:-}" ] || has_redis || {
    need_redis=yes; missing="$missing Redis $redis_minimum or newer (or Valkey),"
  }
  has curl || { need_curl=yes; missing="$missing curl,"; }
  has_certificates || { need_certificates=yes; missing="$missing certificate authorities,"; }
  missing=${missing%,}
}

# The version in rust-toolchain.toml where there is one, else the oldest that the workspace builds with.
rust_version() {
  if [ -f "$root/rust-toolchain.toml" ]; then
    sed -n 's/^channel *= *"\(.*\)"/\1/p' "$root/rust-toolchain.toml"
  else
    sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$root/Cargo.toml"
  fi
}

# rustup puts cargo where only new shells look.
use_rustup_folder() {
  for dir in "${CARGO_HOME:-$HOME/.cargo}/bin" /opt/homebrew/opt/rustup/bin /usr/local/opt/rustup/bin; do
    if [ -x "$dir/cargo" ]; then
      case ":$PATH:" in *":$dir:"*) ;; *) PATH="$dir:$PATH" ;; esac
    fi
  done
  export PATH
}

has_rust() {
  has cargo && has rustc || return 1
  if rustc_is_new_enough; then
    return 0
  fi
  # The toolchain that we have installed before, beside a default that is older and not ours to change.
  has rustup && rustup toolchain list 2>/dev/null | grep -q "^$(rust_version)-" || return 1
  RUSTUP_TOOLCHAIN=$(rust_version)
  export RUSTUP_TOOLCHAIN
  rustc_is_new_enough
}

# Asked in the repository, where a rust-toolchain.toml applies.
rustc_is_new_enough() {
  found=$(cd "$root" && rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9.]*\).*/\1/p')
  [ -n "$found" ] || return 1
  case $(rust_version) in
    # A file that says `stable` or `nightly` means whatever has just answered.
    [!0-9]*) return 0 ;;
  esac
  at_least "$found" "$(rust_version)"
}

# at_least 1.96.0 1.95
at_least() {
  found_major=${1%%.*}; found_rest=${1#*.}; found_minor=${found_rest%%.*}
  want_major=${2%%.*}; want_rest=${2#*.}; want_minor=${want_rest%%.*}
  [ "$found_major" -gt "$want_major" ] || { [ "$found_major" -eq "$want_major" ] && [ "$found_minor" -ge "$want_minor" ]; }
}

# The same places in which crates/devstack looks.
has_postgres() {
  for server in "$(command -v postgres || true)" "$(pg_config --bindir 2>/dev/null || true)/postgres" \
    /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres \
    /opt/homebrew/opt/postgresql@*/bin/postgres /usr/local/opt/postgresql@*/bin/postgres; do
    { [ -x "$server" ] && [ -x "$(dirname "$server")/initdb" ]; } || continue
    major=$("$server" --version | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
    [ "${major:-0}" -lt "$postgres_minimum" ] || return 0
  done
  return 1
}

has_redis() {
  for server in "$(command -v redis-server || true)" "$(command -v valkey-server || true)" \
    /usr/sbin/redis-server /usr/sbin/valkey-server /usr/local/bin/redis-server /usr/local/bin/valkey-server \
    /opt/homebrew/bin/redis-server /opt/homebrew/bin/valkey-server; do
    [ -x "$server" ] || continue
    major=$("$server" --version | sed -n 's/.*v=\([0-9]*\).*/\1/p')
    [ "${major:-0}" -lt "$redis_minimum" ] || return 0
  done
  return 1
}

# Cargo downloads over TLS. macOS keeps its authorities elsewhere.
has_certificates() {
  [ "$(uname)" = Darwin ] || [ -n "${SSL_CERT_FILE:-}" ] && return 0
  for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    [ ! -e "$file" ] || return 0
  done
  return 1
}

# --- how this system installs it -------------------------------------------------------------------------------------

# Sets `manager`: whose commands to use.
find_system() {
  if [ "$(uname)" = Darwin ]; then
    manager=brew
  elif has apt-get; then
    manager=apt
  elif has dnf; then
    manager=dnf
  elif has pacman; then
    manager=pacman
  else
    manager=unknown
  fi
  sudo=''
  # Homebrew refuses to run as root, and asks for sudo itself where it must.
  if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
    sudo='sudo '
  fi
}

# Sets `packages`, `rust_by` (rustup, packaged-rustup, script or nothing) and `advice`.
plan_packages() {
  packages='' rust_by='' advice='Install it by hand, then run this again.'
  case $manager in
    apt)
      names='gcc libc6-dev' make_name=make postgres_name=postgresql redis_name=redis-server
      advice="This release's packages may be too old: see https://www.postgresql.org/download/linux/ and \
https://redis.io/docs/latest/operate/oss_and_stack/install/ for newer ones, or set DATABASE_URL and REDIS_URL." ;;
    dnf) names='gcc glibc-devel' make_name=make postgres_name=postgresql-server redis_name=valkey ;;
    pacman) names=gcc make_name=make postgres_name=postgresql redis_name=valkey ;;
    brew)
      has brew || fail "install Homebrew first, from https://brew.sh, then run this again. Missing:$missing"
      # The compiler and make come with Apple's tools, which install themselves after a question in a window.
      [ -z "$need_cc$need_make" ] || fail "run 'xcode-select --install' first, then run this again. Missing:$missing"
      names='' make_name='' postgres_name=postgresql@17 redis_name=valkey ;;
    *)
      fail "this system has neither apt-get, dnf, pacman nor Homebrew. Install by hand:$missing" ;;
  esac
  [ -z "$need_cc" ] || packages="$packages $names"
  [ -z "$need_make" ] || packages="$packages $make_name"
  [ -z "$need_postgres" ] || packages="$packages $postgres_name"
  [ -z "$need_redis" ] || packages="$packages $redis_name"
  [ -z "$need_curl" ] || packages="$packages curl"
  [ -z "$need_certificates" ] || packages="$packages ca-certificates"
  [ -z "$need_rust" ] || plan_rust
  packages=${packages# }
}

# A rustup that is there already, else the system's, else the one from rustup's own site.
plan_rust() {
  if has rustup; then
    rust_by=rustup
  # A distribution's cargo is in the way of its rustup, and removing somebody's packages is not for us.
  elif ! has cargo && packages_rustup; then
    rust_by=packaged-rustup
    packages="$packages rustup"
  else
    rust_by=script
    has curl || [ -n "$need_curl" ] || packages="$packages curl"
  fi
}

packages_rustup() {
  case $manager in
    apt) apt-cache policy rustup 2>/dev/null | grep -q "Candidate: [0-9]" ;;
    *) return 0 ;;
  esac
}

# --- the commands ----------------------------------------------------------------------------------------------------

# commands print|run
commands() {
  if [ -n "$packages" ]; then
    case $manager in
      apt) install_with_apt "$1" ;;
      dnf) step "$1" "${sudo}dnf install -y $packages" ;;
      pacman) install_with_pacman "$1" ;;
      brew) step "$1" "brew install $packages" ;;
    esac
  fi
  [ -z "$rust_by" ] || install_rust "$1"
}

# step print|run COMMAND: one line, shown or run as it would be typed.
step() {
  line=${2# }
  if [ "$1" = print ]; then
    say "  $line"
  else
    sh -c "$line" >&2 || fail "this failed: $line"
  fi
}

# Debian's packages start what they install, and again at every boot. We want the programs only: nobody asked for a
# database on port 5432. So
# - no first cluster is made: postgresql-common reads the files in createcluster.d, also those that were there before it;
# - while we install, a policy-rc.d forbids starting anything (see invoke-rc.d(8)); it goes when we are done;
# - what came with the packages is disabled, so that the next boot does not start it either.
# Servers that were there before run on as they did.
install_with_apt() {
  step "$1" "${sudo}apt-get update"
  services=''
  if [ -n "$need_postgres" ]; then
    services=' postgresql'
    conf=/etc/postgresql-common/createcluster.d
    step "$1" "${sudo}mkdir -p $conf && echo create_main_cluster=false | ${sudo}tee $conf/backbone.conf >/dev/null"
  fi
  [ -z "$need_redis" ] || services="$services redis-server"
  policy=/usr/sbin/policy-rc.d
  if [ -z "$services" ] || [ -e "$policy" ]; then
    policy=''
  else
    [ "$1" = print ] || trap '${sudo}rm -f /usr/sbin/policy-rc.d' EXIT
    step "$1" "printf '#!/bin/sh\nexit 101\n' | ${sudo}tee $policy >/dev/null && ${sudo}chmod +x $policy"
  fi
  step "$1" "${sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages"
  if [ -n "$policy" ]; then
    step "$1" "${sudo}rm -f $policy"
    [ "$1" = print ] || trap - EXIT
  fi
  if [ -n "$services" ] && has systemctl; then
    step "$1" "${sudo}systemctl disable$services"
  fi
}

# The lists are fetched only where there are none, as in a fresh image: new lists beside old packages are what Arch
# calls a partial upgrade, and upgrading the whole system is not for us.
install_with_pacman() {
  refresh=''
  ls /var/lib/pacman/sync/*.db >/dev/null 2>&1 || refresh=y
  step "$1" "${sudo}pacman -S$refresh --needed --noconfirm $packages"
}

install_rust() {
  version=$(rust_version)
  case $rust_by-$manager in
    rustup-*) step "$1" "rustup toolchain install $version --profile minimal" ;;
    # Fedora's package only brings the installer.
    packaged-rustup-dnf) step "$1" "rustup-init -y --profile minimal --default-toolchain $version" ;;
    packaged-rustup-*)
      use_rustup_folder
      step "$1" "rustup set profile minimal && rustup default $version" ;;
    script-*)
      step "$1" "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | \
sh -s -- -y --profile minimal --default-toolchain $version" ;;
  esac
}
