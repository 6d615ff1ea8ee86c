import { describe, expect, it } from 'vitest';
import { FacegraphError } from '../src/errors.ts';
import { parseBoxes } from '../src/faces/evaluation/boxes.ts';
import { locatePictures, parsePairs } from '../src/faces/evaluation/pairs.ts';

/** The message of the one-line refusal that `work` ends in. */
function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(FacegraphError);
    const { code, message } = error as FacegraphError;
    expect([code, message.includes('\n')]).toEqual(['InvalidInput', false]);
    return message;
  }
  throw new Error('nothing was refused');
}

describe('a pairs file', () => {
  it('keeps the folds it has', () => {
    const { pairs, folds, given } = parsePairs(
      '2\t1\r\nAnn_Lee\t1\t12\r\nAnn_Lee\t1\tBob\t3\r\nBob\t1\t2\r\nBob\t1\tCy\t1\r\n\r\n',
    );
    expect([folds, given]).toEqual([2, true]);
    expect(pairs.map(({ fold, genuine }) => [fold, genuine])).toEqual([
      [0, true],
      [0, false],
      [1, true],
      [1, false],
    ]);
    expect(pairs[0]).toMatchObject({
      pictures: ['Ann_Lee_0001', 'Ann_Lee_0012'],
      identities: ['Ann_Lee', 'Ann_Lee'],
    });
    expect(pairs[1].pictures).toEqual(['Ann_Lee_0001', 'Bob_0003']);
  });

  it('without folds is dealt into ten, each kind evenly', () => {
    const same = Array.from({ length: 20 }, (_, i) => `A${i}\t1\t2`);
    const other = Array.from({ length: 20 }, (_, i) => `A${i}\t1\tB${i}\t1`);
    const { pairs, folds, given } = parsePairs(['20', ...same, ...other].join('\n'));
    expect([folds, given]).toEqual([10, false]);
    for (let fold = 0; fold < 10; fold++) {
      const own = pairs.filter((pair) => pair.fold === fold);
      expect(own.map(({ genuine }) => genuine)).toEqual([true, true, false, false]);
    }
  });

  it.each([
    ['', /line 1: expected the number/],
    ['pairs', /line 1: expected the number/],
    ['1.5', /line 1: expected the number/],
    ['1\t2\t3', /line 1: expected the number/],
    ['0', /line 1: expected the number/],
    ['1\nA\t1\t2', /line 1: announces 2 pairs, but 1 follow/],
    ['1\nA\t1\t2\nA\t1\t2', /line 3: expected `nameA i nameB j`/],
    ['1\nA\t1\tB\t2\nA\t1\tB\t2', /line 2: expected `name i j`/],
    ['1\nA\t1\tx\nA\t1\tB\t2', /line 2: the number of a picture is x/],
    ['1\nA\t1\t-2\nA\t1\tB\t2', /line 2: the number of a picture is -2/],
    ['1\nA\t1\t1\nA\t1\tB\t2', /line 2: compares a picture with itself/],
    ['1\n\nA\t1\t2\nA\t1\tA\t2', /line 4: both pictures are of A/],
  ])('that is wrong is refused with its line: %j', (text, reason) => {
    expect(refusal(() => parsePairs(text))).toMatch(reason);
  });

  it('names pictures that are somewhere below the folder', () => {
    const { pairs } = parsePairs('1\nA\t1\t2\nA\t1\tB\t1');
    const paths = ['x/A/A_0001.jpg', 'x/A/A_0002.png', 'x/B/B_0001.jpeg', 'x/C/C_0001.jpg'];
    expect([...locatePictures(pairs, paths)]).toEqual([
      ['A_0001', 'x/A/A_0001.jpg'],
      ['A_0002', 'x/A/A_0002.png'],
      ['B_0001', 'x/B/B_0001.jpeg'],
    ]);
    expect(refusal(() => locatePictures(pairs, [...paths, 'y/A_0001.jpg']))).toMatch(
      /x\/A\/A_0001.jpg and y\/A_0001.jpg/,
    );
    expect(refusal(() => locatePictures(pairs, paths.slice(0, 1)))).toMatch(
      /2 of 3 .* first is A_0002/,
    );
  });
});

describe('a boxes file', () => {
  it('is CSV with its columns in any order', () => {
    const marked = parseBoxes([
      '\uFEFFheight,image,x,y,width\r\n40,"a, b.jpg",10,20,30\r\n,none.jpg,,,\r\n4.5,"a, b.jpg",1,2,3\r\n',
    ]);
    expect([...marked]).toEqual([
      [
        'a, b.jpg',
        [
          { box: [10, 20, 30, 40], ignore: false },
          { box: [1, 2, 3, 4.5], ignore: false },
        ],
      ],
      ['none.jpg', []],
    ]);
  });

  it('is XML of dlib, several files together', () => {
    const xml = (images: string) =>
      `<?xml version='1.0' encoding='ISO-8859-1'?><dataset><images>${images}</images></dataset>`;
    const marked = parseBoxes([
      xml(
        `<image file='a.jpg'><box top='1' left='2' width='3' height='4'/><box top='5' left='6' width='7' height='8' ignore='1'><label>x</label></box></image>`,
      ),
      xml(`<image file='b&amp;c.jpg'/>`),
    ]);
    expect([...marked]).toEqual([
      [
        'a.jpg',
        [
          { box: [2, 1, 3, 4], ignore: false },
          { box: [6, 5, 7, 8], ignore: true },
        ],
      ],
      ['b&c.jpg', []],
    ]);
  });

  it.each([
    ['', /no column image, x, y, width, height/],
    ['image,x,y,w,h\na.jpg,1,2,3,4', /no column width, height/],
    ['image,x,y,width,height', /names no image/],
    ['image,x,y,width,height\na.jpg,1,2,3', /line 2/],
    ['image,x,y,width,height\na.jpg,1,2,3,4\nb.jpg,1,two,3,4', /line 3: y is no number/],
    ['image,x,y,width,height\na.jpg,1,2,0,4', /line 2: width is not above 0/],
    ['image,x,y,width,height\n,1,2,3,4', /line 2 names no image/],
    ['image,x,y,width,height\n"a.jpg,1,2,3,4', /boxes: /],
    ['<dataset><images><image file="a.jpg"></images></dataset>', /no XML: /],
    ['<dataset/>', /names no image/],
    ['<d><image/></d>', /no file/],
    ['<d><image file="a.jpg"/><image file="a.jpg"/></d>', /a\.jpg is there twice/],
    [
      '<d><image file="a.jpg"><box top="1" left="2" width="3"/></image></d>',
      /box of a\.jpg: height is no number/,
    ],
    ['<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><d><image file="&e;"/></d>', /boxes: /],
  ])('that is wrong is refused with the place: %j', (text, reason) => {
    expect(refusal(() => parseBoxes([text]))).toMatch(reason);
  });
});
