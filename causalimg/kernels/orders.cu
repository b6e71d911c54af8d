// Order search and exact lasso for batches of problems: one block of threads for each problem
// (search_orders) and for each node (solve_lassos). The algorithms and the layout of the factor
// are those of order_search.py and lasso.py; the text is compiled at run time. It keeps to what a
// C++ compiler understands as well, so that the tests run it with threads on the CPU.

#ifndef CAUSALIMG_HOST
#define ARENA extern __shared__ double arena[]
#endif

// Turn sums[t] into the sum over all threads before t; spare is a second buffer.
__device__ void scan_before(double* sums, double* spare) {
  int t = threadIdx.x, n = blockDim.x;
  __syncthreads();
  spare[t] = t > 0 ? sums[t - 1] : 0.0;
  __syncthreads();
  sums[t] = spare[t];
  __syncthreads();
  for (int reach = 1; reach < n; reach *= 2) {
    sums[t] = spare[t] + (t >= reach ? spare[t - reach] : 0.0);
    __syncthreads();
    spare[t] = sums[t];
    __syncthreads();
  }
}

// Bring the smallest value and its place to entry 0; ties go to the smaller place.
__device__ void least_first(double* value, int* where) {
  int t = threadIdx.x;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (t < half) {
      double a = value[t], b = value[t + half];
      if (b < a || (b == a && where[t + half] < where[t])) {
        value[t] = b;
        where[t] = where[t + half];
      }
    }
    __syncthreads();
  }
}

// Value the positions of `node` on one side of p; side is -1 (earlier) or 1 (later) and count the
// number of positions. run[k] gets the residual variance (earlier) or the precision (later).
__device__ void value_side(const double* factor, const double* diagonal, int d, int node, int p,
                           int side, int count, double* run, double* sums, double* spare,
                           double* least, int* where) {
  int t = threadIdx.x, chunk = (count + blockDim.x - 1) / blockDim.x;
  int first = t * chunk + 1, last = first + chunk - 1 < count ? first + chunk - 1 : count;
  double own = diagonal[p], part = 0.0;
  for (int i = first; i <= last; ++i) {
    double x = factor[(long long)(p + side * i) * d + node];
    part += x * x;
  }
  sums[t] = part;
  scan_before(sums, spare);
  double start = sums[t] + (side < 0 ? own : 1.0 / own), now = start, change = 0.0;
  double best = 0.0;
  int at = p;
  __syncthreads();
  for (int i = first; i <= last; ++i) {
    int k = p + side * i;
    double x = factor[(long long)k * d + node];
    x *= x;
    double after = now + x;
    change += side < 0 ? x * (1.0 - diagonal[k] / after) : x / now * (diagonal[k] - 1.0 / after);
    now = after;
    run[k] = after;
    if (i == first || change < best) {
      best = change;
      at = k;
    }
  }
  sums[t] = change;
  scan_before(sums, spare);
  least[t] = first <= last ? best + sums[t] : 0.0;
  where[t] = first <= last ? at : p;
  least_first(least, where);
}

// factor (n_batch, d, d), order (n_batch, d), running (n_batch): in and out. before (d, d) is
// shared by the batch, visits (n_sweeps, d) too. Shared memory: doubles 3 d + 3 T, ints 3 d + T.
extern "C" __global__ void search_orders(double* factors, int* orders, const unsigned char* before,
                                         int has_before, const int* visits, int n_sweeps, int d,
                                         double tolerance, double* scores, int* running) {
  ARENA;
  int t = threadIdx.x, n = blockDim.x, problem = blockIdx.x;
  double* factor = factors + (long long)problem * d * d;
  int* order_out = orders + (long long)problem * d;
  double *diagonal = arena, *run = diagonal + d, *cosine = run + d, *sums = cosine + d;
  double *spare = sums + n, *least = spare + n;
  int *order = (int*)(least + n), *place = order + d, *shifted = place + d, *where = shifted + d;
  if (!running[problem]) return;
  for (int k = t; k < d; k += n) {
    int node = order_out[k];
    order[k] = node;
    place[node] = k;
    double x = factor[(long long)k * d + node];
    diagonal[k] = x * x;
  }
  __syncthreads();
  int moved = 0;
  for (int sweep = 0; sweep < n_sweeps; ++sweep) {
    double part = 0.0;
    for (int k = t; k < d; k += n) part += diagonal[k];
    sums[t] = part;
    __syncthreads();
    double score = 0.0;
    for (int k = 0; k < n; ++k) score += sums[k];
    __syncthreads();
    moved = 0;
    for (int turn = 0; turn < d; ++turn) {
      int node = visits[(long long)sweep * d + turn], p = place[node], low = 0, high = d - 1;
      if (has_before) {
        for (int x = 0; x < d; ++x) {
          if (before[(long long)x * d + node] && place[x] >= low) low = place[x] + 1;
          if (before[(long long)node * d + x] && place[x] <= high) high = place[x] - 1;
        }
      }
      value_side(factor, diagonal, d, node, p, -1, p - low, run, sums, spare, least, where);
      double best = least[0];
      int target = where[0];
      __syncthreads();
      value_side(factor, diagonal, d, node, p, 1, high - p, run, sums, spare, least, where);
      if (least[0] < best) {
        best = least[0];
        target = where[0];
      }
      __syncthreads();
      if (!(best < -tolerance * score) || target == p) continue;
      moved = 1;
      int side = target > p ? 1 : -1, steps = side * (target - p);
      if (t == 0) run[p] = side > 0 ? 1.0 / diagonal[p] : diagonal[p];
      __syncthreads();
      // the rotation of each step in closed form, so that columns need not wait for each other
      for (int i = t; i < steps; i += n) {
        int k = p + side * (i + 1);
        double x = factor[(long long)k * d + node];
        cosine[k] = side > 0 ? -x / sqrt(run[k]) : x / sqrt(run[k]);
        shifted[k - side] = order[k];
      }
      __syncthreads();
      for (int x = t; x < d; x += n) {
        double carry = factor[(long long)p * d + x];
        for (int i = 1; i <= steps; ++i) {
          int k = p + side * i, other = order[k];
          double c = cosine[k], s = sqrt(run[k - side] / run[k]);
          double value = factor[(long long)k * d + x], out;
          if (side > 0) {
            if (x == node) {
              out = c * carry;
              carry = s * carry;
            } else {
              out = c * carry + s * value;
              carry = x == other ? -c / value : s * carry - c * value;
            }
          } else if (x == node) {
            out = -c / sqrt(run[k + 1]);
            carry = sqrt(run[k]);
          } else {
            out = x == other ? s * value : s * value - c * carry;
            carry = x == other ? c * value : c * value + s * carry;
          }
          factor[(long long)(k - side) * d + x] = out;
        }
        factor[(long long)target * d + x] = carry;
      }
      __syncthreads();
      for (int i = t; i <= steps; i += n) {
        int k = p + side * i;
        order[k] = i == steps ? node : shifted[k];
        place[order[k]] = k;
      }
      __syncthreads();
      for (int i = t; i <= steps; i += n) {
        int k = p + side * i;
        double x = factor[(long long)k * d + order[k]];
        diagonal[k] = x * x;
      }
      __syncthreads();
    }
    if (!moved) break;
  }
  for (int k = t; k < d; k += n) order_out[k] = order[k];
  if (t == 0) {
    double score = 0.0;
    for (int k = 0; k < d; ++k) score += diagonal[k];
    scores[problem] = score;
    running[problem] = moved;
  }
}

// Row `size` of the Cholesky factor of the active block; 0 if it is singular.
__device__ int extend(double* lower, int d, const double* cov, const int* active, int size) {
  int node = active[size];
  double left = cov[(long long)node * d + node], whole = left;
  for (int r = 0; r < size; ++r) {
    double value = cov[(long long)node * d + active[r]];
    for (int s = 0; s < r; ++s) value -= lower[(long long)size * d + s] * lower[(long long)r * d + s];
    value /= lower[(long long)r * d + r];
    lower[(long long)size * d + r] = value;
    left -= value * value;
  }
  if (left <= 1e-11 * whole) return 0;
  lower[(long long)size * d + size] = sqrt(left);
  return 1;
}

// One lasso for each problem and node, on the allowed predecessors in the problem's order.
// cov (n_batch, d, d); order (n_batch, d); allowed (d, d), penalty (d, d) for all problems (stride
// 0) or for each (stride d * d), and beta (n_batch, d, d) with row = effect; beta starts at zero.
// objective (n_batch, d), status (n_batch, d). work: d * d
// doubles for each block. Shared memory: doubles 3 d + T, ints 2 d + T + 2, bytes d.
extern "C" __global__ void solve_lassos(const double* covs, const int* orders,
                                        const unsigned char* allowed, const double* penalties,
                                        int stride, int n_batch, int d, double* betas,
                                        double* objective, int* status, double* work) {
  ARENA;
  int t = threadIdx.x, n = blockDim.x;
  double *gradient = arena, *right = gradient + d, *sign = right + d, *breach = sign + d;
  int *active = (int*)(breach + n), *where = active + d, *shared = where + n;
  unsigned char* state = (unsigned char*)(shared + 2);  // 1 candidate, 2 active, 4 closed
  double* lower = work + (long long)blockIdx.x * d * d;
  for (long long job = blockIdx.x; job < (long long)n_batch * d; job += gridDim.x) {
    int problem = (int)(job / d), position = (int)(job % d);
    const double* cov = covs + (long long)problem * d * d;
    const int* order = orders + (long long)problem * d;
    int node = order[position];
    const double* penalty = penalties + (long long)problem * stride + (long long)node * d;
    double* beta = betas + ((long long)problem * d + node) * d;
    __syncthreads();
    for (int x = t; x < d; x += n) state[x] = 0;
    __syncthreads();
    for (int k = t; k < position; k += n)
      if (allowed[(long long)node * d + order[k]]) state[order[k]] = 1;
    if (t == 0) shared[0] = 0;
    int clean = 0;
    for (int round = 0; round < 20 * d + 100; ++round) {
      __syncthreads();
      if (t == 0) {
        int size = shared[0];
        while (size > 0) {
          for (int r = 0; r < size; ++r) {
            double value = cov[(long long)node * d + active[r]] - penalty[active[r]] * sign[r];
            for (int s = 0; s < r; ++s) value -= lower[(long long)r * d + s] * right[s];
            right[r] = value / lower[(long long)r * d + r];
          }
          for (int r = size - 1; r >= 0; --r) {
            double value = right[r];
            for (int s = r + 1; s < size; ++s) value -= lower[(long long)s * d + r] * right[s];
            right[r] = value / lower[(long long)r * d + r];
          }
          double step = 1.0;
          int drop = -1;
          for (int r = 0; r < size; ++r) {
            int x = active[r];
            if (penalty[x] > 0.0 && right[r] * sign[r] <= 0.0) {
              double reach = beta[x] != 0.0 ? beta[x] / (beta[x] - right[r]) : 0.0;
              if (reach < step || drop < 0) {
                step = reach;
                drop = r;
              }
            }
          }
          for (int r = 0; r < size; ++r) {
            double b = beta[active[r]];
            beta[active[r]] = drop < 0 ? right[r] : b + step * (right[r] - b);
          }
          if (drop < 0) break;
          beta[active[drop]] = 0.0;
          state[active[drop]] &= ~2;
          int kept = drop;
          for (int r = drop + 1; r < size; ++r) {
            active[kept] = active[r];
            sign[kept] = sign[r];
            if (extend(lower, d, cov, active, kept)) {
              ++kept;
            } else {
              beta[active[kept]] = 0.0;
              state[active[kept]] &= ~2;
            }
          }
          size = kept;
        }
        shared[0] = size;
      }
      __syncthreads();
      int size = shared[0];
      double worst = 1e-9 * sqrt(cov[(long long)node * d + node]);
      int entering = d;
      for (int x = t; x < d; x += n) {
        double value = cov[(long long)node * d + x];
        for (int r = 0; r < size; ++r)
          value -= beta[active[r]] * cov[(long long)active[r] * d + x];
        gradient[x] = value;
        if (state[x] == 1) {
          double size_of = (fabs(value) - penalty[x]) / sqrt(cov[(long long)x * d + x]);
          if (size_of > worst) {
            worst = size_of;
            entering = x;
          }
        }
      }
      breach[t] = entering < d ? -worst : 0.0;
      where[t] = entering;
      least_first(breach, where);
      entering = where[0];
      if (breach[0] == 0.0) {
        clean = 1;
        break;
      }
      if (t == 0) {
        active[size] = entering;
        if (extend(lower, d, cov, active, size)) {
          sign[size] = gradient[entering] > 0.0 ? 1.0 : -1.0;
          state[entering] |= 2;
          shared[0] = size + 1;
        } else {
          state[entering] |= 4;
        }
      }
    }
    __syncthreads();
    if (t == 0) {
      double value = 0.5 * gradient[node];
      for (int r = 0; r < shared[0]; ++r) {
        int x = active[r];
        value += penalty[x] * fabs(beta[x]) - 0.5 * beta[x] * gradient[x];
      }
      objective[(long long)problem * d + node] = value;
      status[(long long)problem * d + node] = clean ? 0 : 1;
    }
  }
}
