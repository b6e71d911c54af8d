// The central path of the log-determinant constraint for batches of small problems, one block of
// threads for each and one launch for all of it: every stage, every quasi-Newton step and every
// evaluation. The trial weights, the covariance and the matrix that is inverted stay in shared
// memory (3 d * d doubles, so d is at most 98 with 227 KB). The steps are those of
// quasi_newton.py and lagrangian.py. Like orders.cu it is also compiled as C++ by the tests.

#ifndef CAUSALIMG_HOST
#define ARENA extern __shared__ double arena[]
#endif

#define MOST_MEMORY 16

// Sum over the threads of the block, a power of two; every thread gets it.
__device__ double block_sum(double part, double* buffer) {
  int t = threadIdx.x;
  __syncthreads();
  buffer[t] = part;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (t < half) buffer[t] += buffer[t + half];
    __syncthreads();
  }
  return buffer[0];
}

// Turn s I - w * w into its inverse in place; 0 if it is no M-matrix, which the pivots tell, or
// else 1 and the sum of the logarithms of the pivots.
__device__ int invert(const double* w, double* m, int d, double s, double* logs) {
  int t = threadIdx.x, n = blockDim.x;
  __syncthreads();
  for (int x = t; x < d * d; x += n) m[x] = (x / d == x % d ? s : 0.0) - w[x] * w[x];
  __syncthreads();
  double sum = 0.0;
  for (int k = 0; k < d; ++k) {
    double pivot = m[k * d + k];
    if (!(pivot > 0.0)) return 0;
    sum += log(pivot);
    for (int j = t; j < d; j += n)
      if (j != k) m[k * d + j] /= pivot;
    __syncthreads();
    for (int x = t; x < d * d; x += n) {
      int i = x / d, j = x % d;
      if (i != k && j != k) m[x] -= m[i * d + k] * m[k * d + j];
    }
    __syncthreads();
    for (int i = t; i < d; i += n) m[i * d + k] = i == k ? 1.0 / pivot : -m[i * d + k] / pivot;
    __syncthreads();
  }
  *logs = sum;
  return 1;
}

// share * least squares + log-determinant at w, and its gradient; 0 outside the domain.
__device__ int evaluate(const double* w, const double* cov, double* m, const double* open, int d,
                        double share, double s, double* slope, double* loss, double* h) {
  int t = threadIdx.x, n = blockDim.x;
  double logs = 0.0, part = 0.0;
  if (!invert(w, m, d, s, &logs)) return 0;
  for (int x = t; x < d * d; x += n) {
    int i = x / d, j = x % d;
    double bend = -cov[x];
    for (int k = 0; k < d; ++k) bend += cov[i * d + k] * w[k * d + j];
    part -= 0.5 * ((i == j ? 1.0 : 0.0) - w[x]) * bend;
    slope[x] = (share * bend + 2.0 * w[x] * m[j * d + i]) * open[x];
  }
  *loss = block_sum(part, m);
  *h = d * log(s) - logs;
  return 1;
}

__device__ double pseudo(double w, double slope, double price) {
  if (w > 0.0) return slope + price;
  if (w < 0.0) return slope - price;
  double size = fabs(slope) - price;
  return size > 0.0 ? copysign(size, slope) : 0.0;
}

// covs (n_batch, d, d); penalties (d, d) for all problems (stride 0) or for each (stride d * d);
// open (d, d) of 0 and 1; shares, scales (n_stages); points (n_batch, d, d) in and out;
// objective, h, ticks (n_batch, n_stages); work: (4 + 2 memory) * d * d doubles for each block.
// Shared memory: doubles 2 d * d + max(d * d, T).
extern "C" __global__ void relax_logdet(const double* covs, const double* penalties, int stride,
                                        const double* open, int n_batch, int d, int n_stages,
                                        const double* shares, const double* scales,
                                        double tolerance, int max_ticks, int memory,
                                        double* points, double* objective, double* hs, int* ticks,
                                        double* work) {
  ARENA;
  int t = threadIdx.x, n = blockDim.x, size = d * d;
  double *trial = arena, *cov = trial + size, *m = cov + size;
  double* slope = work + (long long)blockIdx.x * (4 + 2 * memory) * size;
  double *gradient = slope + size, *steepest = gradient + size, *direction = steepest + size;
  double *steps = direction + size, *bends = steps + (long long)memory * size;
  double curve[MOST_MEMORY], along[MOST_MEMORY];
  for (int problem = blockIdx.x; problem < n_batch; problem += gridDim.x) {
    const double* penalty = penalties + (long long)problem * stride;
    double* point = points + (long long)problem * size;
    __syncthreads();
    for (int x = t; x < size; x += n) cov[x] = covs[(long long)problem * size + x];
    for (int stage = 0; stage < n_stages; ++stage) {
      double share = shares[stage], s = scales[stage], loss = 0.0, h = 0.0, logs = 0.0;
      // a start outside the domain of a smaller s is drawn towards zero until it is inside
      for (int x = t; x < size; x += n) trial[x] = point[x];
      for (int k = 0; k < 60 && !invert(trial, m, d, s, &logs); ++k) {
        __syncthreads();
        for (int x = t; x < size; x += n) trial[x] = point[x] = 0.9 * point[x];
      }
      __syncthreads();
      for (int x = t; x < size; x += n) trial[x] = point[x] = point[x] * open[x];
      evaluate(trial, cov, m, open, d, share, s, slope, &loss, &h);
      double part = 0.0, more = 0.0;
      for (int x = t; x < size; x += n) {
        gradient[x] = slope[x];
        steepest[x] = pseudo(point[x], slope[x], share * penalty[x]) * open[x];
        direction[x] = -steepest[x];
        part += share * penalty[x] * fabs(point[x]);
        more += fabs(steepest[x]);
      }
      double value = share * loss + h + block_sum(part, m), length = block_sum(more, m);
      length = 1.0 / (length > 1.0 ? length : 1.0);
      double mark = value, scale = 1.0;
      int moves = 0, count = 0, next = 0, done = 0;
      for (int k = 0; k < memory; ++k) curve[k] = 0.0;
      while (count < max_ticks && !done) {
        ++count;
        __syncthreads();
        double price = 0.0, expected = 0.0;
        for (int x = t; x < size; x += n) {
          double w = point[x], to = w + length * direction[x];
          if (to * (w != 0.0 ? w : -steepest[x]) <= 0.0) to = 0.0;
          trial[x] = to;
          price += share * penalty[x] * fabs(to);
          expected += steepest[x] * (to - w);
        }
        int accept = evaluate(trial, cov, m, open, d, share, s, slope, &loss, &h);
        double after = share * loss + h + block_sum(price, m);
        expected = block_sum(expected, m);
        accept = accept && expected < 0.0 && after <= value + 1e-4 * expected;
        curve[next] = 0.0;
        if (accept) {
          double inner = 0.0, norm = 0.0;
          double *step = steps + (long long)next * size, *bend = bends + (long long)next * size;
          for (int x = t; x < size; x += n) {
            step[x] = trial[x] - point[x];
            bend[x] = slope[x] - gradient[x];
            inner += step[x] * bend[x];
            norm += bend[x] * bend[x];
            point[x] = trial[x];
            gradient[x] = slope[x];
          }
          inner = block_sum(inner, m);
          norm = block_sum(norm, m);
          if (inner > 1e-14 * norm) {
            curve[next] = inner;
            scale = inner / norm;
          }
          value = after;
          ++moves;
        }
        next = (next + 1) % memory;
        for (int x = t; x < size; x += n) {
          steepest[x] = pseudo(point[x], gradient[x], share * penalty[x]) * open[x];
          direction[x] = steepest[x];
        }
        for (int k = 1; k <= memory; ++k) {
          int at = (next + memory - k) % memory;
          if (curve[at] == 0.0) continue;
          double* step = steps + (long long)at * size;
          double* bend = bends + (long long)at * size;
          part = 0.0;
          for (int x = t; x < size; x += n) part += step[x] * direction[x];
          along[at] = block_sum(part, m) / curve[at];
          for (int x = t; x < size; x += n) direction[x] -= along[at] * bend[x];
        }
        for (int x = t; x < size; x += n) direction[x] *= scale;
        for (int k = 0; k < memory; ++k) {
          int at = (next + k) % memory;
          if (curve[at] == 0.0) continue;
          double* step = steps + (long long)at * size;
          double* bend = bends + (long long)at * size;
          part = 0.0;
          for (int x = t; x < size; x += n) part += bend[x] * direction[x];
          double back = block_sum(part, m) / curve[at];
          for (int x = t; x < size; x += n) direction[x] += (along[at] - back) * step[x];
        }
        length = accept ? 1.0 : 0.5 * length;
        double left = 0.0;
        for (int x = t; x < size; x += n) {
          direction[x] = direction[x] * steepest[x] > 0.0 ? -direction[x] : 0.0;
          // after many halvings the curvature is not to be trusted: steepest descent
          if (length < 1e-6) direction[x] = -steepest[x];
          left += steepest[x] != 0.0 ? 1.0 : 0.0;
        }
        if (count % 10 == 0) {
          int small = moves > 0 && mark - value <= tolerance * fabs(value);
          done = small || length < 1e-15 || block_sum(left, m) == 0.0;
          if (moves > 0) mark = value;
          moves = 0;
        }
      }
      __syncthreads();
      part = 0.0;
      for (int x = t; x < size; x += n) {
        trial[x] = point[x];
        part += penalty[x] * fabs(point[x]);
      }
      evaluate(trial, cov, m, open, d, share, s, slope, &loss, &h);
      part = block_sum(part, m);
      if (t == 0) {
        objective[(long long)problem * n_stages + stage] = loss + part;
        hs[(long long)problem * n_stages + stage] = h;
        ticks[(long long)problem * n_stages + stage] = count;
      }
      __syncthreads();
    }
  }
}
